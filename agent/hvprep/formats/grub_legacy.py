"""GRUB legacy's menu.lst or grub.conf: its stanzas and its header.

Source: get_line_from_config() and skip_to() in stage2/ of GRUB 0.97. The first word of a line is a command,
ended by a space, a tab or `=`; a `#` begins a comment only at the start of a line; a backslash at the end
continues it. Under Xen `kernel` loads the hypervisor and the first `module` is Linux. What Debian's
update-grub reads from comments of the same file stands in `automagic`.

>>> menu = parse("default=0\\nhiddenmenu\\ntitle Tux\\n  kernel (hd0,0)/vmlinuz ro  a\\n  initrd /i.img\\n")
>>> linux = menu.stanzas[menu.default_index].linux
>>> linux.path, linux.words, linux.initrds
('/vmlinuz', ('ro', 'a'), ('/i.img',))
>>> menu = set_directives(menu, ['terminal --timeout=5 serial console'], unwanted=['hiddenmenu'])
>>> print(edit_words(menu, lambda stanza, line: [*line.words, 'b=1']).render(), end='')
default=0
terminal --timeout=5 serial console
title Tux
  kernel (hd0,0)/vmlinuz ro  a b=1
  initrd /i.img
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats import kernel_cmdline
from hvprep.formats.automagic import BEGIN

#: No menu is as long; a longer text is refused.
LIMIT_CHARACTERS = 1 << 20

_COMMAND = re.compile(r"([ \t]*)([^ \t\r\n=#][^ \t\r\n=]*)([ \t=]*)", re.A)
_FILE = re.compile(r"((?:--[^ \t\r\n]*[ \t]+)*)((?!--)[^ \t\r\n]+)")
_DEVICE = re.compile(r"\([^)]*\)")
_HYPERVISOR = re.compile(r"(xen|tboot)([-._].*)?", re.S)
_YAST = re.compile(r"###Don't change this comment - YaST2 identifier: Original name: (.*?)###")


@dataclass(frozen=True)
class Command:
    """One command: lines `line` to `last_line` of the file, and what stands behind the keyword."""

    line: int
    last_line: int
    keyword: str
    argument: str


@dataclass(frozen=True)
class LinuxLine:
    """The `kernel` or `module` command that loads Linux, and the words that it hands to the kernel.

    `kernel` is the file as it is written, with its device; `options` are GRUB's own (`--no-mem-option`).
    `initrds` are the files of the stanza's initrd commands, or of the modules behind this one.
    """

    line: int
    command: str
    options: tuple[str, ...]
    kernel: str
    words: tuple[str, ...]
    initrds: tuple[str, ...]

    @property
    def path(self) -> str:
        """The kernel's path on its file system."""
        return _DEVICE.sub("", self.kernel, count=1) if self.kernel.startswith("(") else self.kernel


@dataclass(frozen=True)
class Stanza:
    """One entry of the menu: its title and the commands below it.

    `linux` is None for one that starts something else, `hypervisor` the file that is loaded before Linux.
    `identifier` is YaST's name for the entry (`linux`, `failsafe`, `xen`), from the comment above the title.
    """

    title: str
    line: int
    commands: tuple[Command, ...]
    linux: LinuxLine | None
    hypervisor: str | None
    identifier: str | None

    def argument(self, keyword: str) -> str | None:
        """What stands behind that command (the last one, if there are several); None where it is missing."""
        return _last_argument(self.commands, keyword)

    @property
    def chainloads(self) -> bool:
        """Whether it starts another boot loader."""
        return self.argument("chainloader") is not None


@dataclass(frozen=True)
class Menu:
    """The whole file: its lines with their ends, the commands before the first title, and the stanzas."""

    lines: tuple[str, ...]
    header: tuple[Command, ...]
    stanzas: tuple[Stanza, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def argument(self, keyword: str) -> str | None:
        """What stands behind that command of the header; None where it is missing."""
        return _last_argument(self.header, keyword)

    @property
    def default_index(self) -> int | None:
        """Which stanza boots by default, from 0; None for `default saved`, and for one that is not there."""
        text = (self.argument("default") or "0").strip()
        index = int(text) if re.fullmatch("[0-9]{1,9}", text) else -1
        return index if 0 <= index < len(self.stanzas) else None


def parse(text: str) -> Menu:
    """The menu in `text`; `parse(text).render() == text`.

    Raises FormatError for a carriage return within a line: GRUB takes it away, other tools do not.
    """
    stray = re.search(r"\r(?!\n)", text)
    if stray:
        raise FormatError(
            f"line {text.count(chr(10), 0, stray.start()) + 1} of GRUB's menu has a carriage return in it",
            "Remove it; line ends are LF.",
        )
    if len(text) > LIMIT_CHARACTERS:
        raise FormatError(f"GRUB's menu has {len(text)} characters", "Look at it; no tool writes that.")
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    commands = list(_commands(lines))
    titles = [i for i, command in enumerate(commands) if command.keyword == "title"]
    ends = [*titles[1:], len(commands)]
    stanzas = [_stanza(lines, commands[start:end]) for start, end in zip(titles, ends)]
    header = commands[: titles[0]] if titles else commands
    return Menu(lines, tuple(header), tuple(stanzas))


def edit_words(menu: Menu, edit: Callable[[Stanza, LinuxLine], Sequence[str]]) -> Menu:
    """With the kernel words that `edit` returns for every line that loads Linux, which may be those it has.

    Raises FormatError where the line would not be read as these words.
    """
    lines = list(menu.lines)
    wanted = []
    for stanza in menu.stanzas:
        if stanza.linux:
            words = tuple(edit(stanza, stanza.linux))
            wanted.append(words)
            if words != stanza.linux.words:
                at = stanza.linux.line - 1
                start = _start_of_words(lines[at])
                lines[at] = _with_words(lines[at], start, words, stanza.linux.line)
    edited = parse("".join(lines))
    _check(menu, edited, [each.linux.words for each in edited.stanzas if each.linux] == wanted)
    return edited


def set_directives(menu: Menu, wanted: Sequence[str], unwanted: Collection[str]) -> Menu:
    """With the lines `wanted` in the header, in that order, and none of the commands `unwanted` there.

    Other lines with the same commands go. New lines come behind the commands of the header, and so before the
    first title and outside of what update-grub makes anew; `default` keeps its meaning.
    """
    keywords = [line.split()[0] for line in wanted]
    is_right = _directives(menu, keywords) == [line.split() for line in wanted]
    gone = {*unwanted, *(() if is_right else keywords)}
    lines = list(menu.lines)
    for command in menu.header:
        if command.keyword in gone:
            lines[command.line - 1 : command.last_line] = [""] * (command.last_line - command.line + 1)
    if not is_right:
        begin = next((i for i, line in enumerate(lines) if line.startswith(BEGIN)), len(lines))
        kept = [c.last_line for c in menu.header if c.keyword not in gone and c.line <= begin]
        at = max(kept, default=0)
        if at and not lines[at - 1].endswith("\n"):
            lines[at - 1] += "\n"
        lines[at:at] = [f"{line}\n" for line in wanted]
    edited = parse("".join(lines))
    same = [stanza.title for stanza in edited.stanzas] == [stanza.title for stanza in menu.stanzas]
    if not same or _directives(edited, keywords) != [line.split() for line in wanted]:
        raise FormatError("the header of GRUB's menu cannot be edited", "Look at the lines before `title`.")
    return edited


def _directives(menu: Menu, keywords: Collection[str]) -> list[list[str]]:
    return [[each.keyword, *each.argument.split()] for each in menu.header if each.keyword in keywords]


def _commands(lines: Sequence[str]) -> Iterator[Command]:
    """The commands, each with the lines that continue it; GRUB reads a continuation as a space."""
    at = 0
    while at < len(lines):
        last = at
        while last + 1 < len(lines) and lines[last].rstrip("\r\n").endswith("\\"):
            last += 1
        text = "".join(re.sub(r"\\\r?\n\Z", " ", line) for line in lines[at:last]) + lines[last]
        match = _COMMAND.match(text)
        if match:
            yield Command(at + 1, last + 1, match[2], text[match.end() :].rstrip("\r\n"))
        at = last + 1


def _stanza(lines: Sequence[str], commands: Sequence[Command]) -> Stanza:
    """The stanza whose commands these are, beginning with its title. A `kernel` forgets what was loaded."""
    loading = [command for command in commands if command.keyword in ("kernel", "module") and _file(command)]
    kernels = [i for i, command in enumerate(loading) if command.keyword == "kernel"]
    loading = loading[kernels[-1] :] if kernels else []
    names = [_file(command).rpartition("/")[2] for command in loading]
    first = next((i for i, name in enumerate(names) if not _HYPERVISOR.fullmatch(name)), len(names))
    hypervisor = _file(loading[0]) if first else None
    linux = _linux_line(commands, loading[first:]) if loading[first:] else None
    above = commands[0].line - 2
    while above >= 0 and not lines[above].strip():
        above -= 1
    yast = _YAST.match(lines[above]) if above >= 0 else None
    title = commands[0].argument.strip()
    return Stanza(title, commands[0].line, tuple(commands[1:]), linux, hypervisor, yast[1] if yast else None)


def _linux_line(commands: Sequence[Command], loading: Sequence[Command]) -> LinuxLine:
    command = loading[0]
    options, file, words = _split(command.argument)
    initrds = [each.argument.split()[:1] for each in commands if each.keyword == "initrd"]
    initrds += [[_file(each)] for each in loading[1:]]
    return LinuxLine(
        command.line,
        command.keyword,
        tuple(options.split()),
        file,
        kernel_cmdline.parse(words).words,
        tuple(image for each in initrds for image in each),
    )


def _split(argument: str) -> tuple[str, str, str]:
    """GRUB's options, the file and the rest of what stands behind `kernel` or `module`."""
    match = _FILE.match(argument)
    return (match[1], match[2], argument[match.end() :]) if match else ("", "", "")


def _file(command: Command) -> str:
    return _split(command.argument)[1]


def _start_of_words(line: str) -> int:
    command = _COMMAND.match(line)
    start = command.end() if command else 0
    file = _FILE.match(line, start)
    return file.end() if file else start


def _with_words(line: str, start: int, words: Sequence[str], number: int) -> str:
    if line.rstrip("\r\n").endswith("\\"):
        raise FormatError(
            f"line {number} of GRUB's menu goes on in the next one", "Write the whole command in one line."
        )
    new = kernel_cmdline.parse(line[start:]).with_words(words).render()
    glue = " " if new.strip() and not new[0].isspace() else ""
    return line[:start] + glue + new


def _check(before: Menu, after: Menu, has_words: bool) -> None:
    """That an edit of words changed nothing else."""

    def skeleton(menu: Menu) -> list[tuple[str, int]]:
        return [(c.keyword, c.line) for each in menu.stanzas for c in each.commands]

    if not has_words or len(before.lines) != len(after.lines) or skeleton(before) != skeleton(after):
        raise FormatError(
            "the kernel's words in GRUB's menu cannot be edited by word",
            "Use no backslash at the end of a line, and close every double quote.",
        )


def _last_argument(commands: Sequence[Command], keyword: str) -> str | None:
    found = [command.argument for command in commands if command.keyword == keyword]
    return found[-1] if found else None
