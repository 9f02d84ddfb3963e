"""The configuration of extlinux, syslinux, isolinux and pxelinux, which U-Boot reads too.

Source: com32/elflink/ldlinux/readconfig.c of syslinux 6. One directive per line; keywords in any case; a
`LABEL` begins an entry. The kernel's words stand behind `APPEND`, of which the entry's last counts, else the
one above all entries; `APPEND -` is none; words behind the file of `KERNEL` or `LINUX` come before them.

>>> config = parse('DEFAULT virt\\nLABEL virt\\n  LINUX vmlinuz\\n  APPEND root=UUID=1  initrd=a,b quiet\\n')
>>> entry = config.default_entry
>>> entry.kernel, entry.words, entry.initrds
('vmlinuz', ('root=UUID=1', 'initrd=a,b', 'quiet'), ('a', 'b'))
>>> config = set_serial(config, '0 115200')
>>> print(edit_words(config, lambda entry: [w for w in entry.words if w != 'quiet']).render(), end='')
SERIAL 0 115200
DEFAULT virt
LABEL virt
  LINUX vmlinuz
  APPEND root=UUID=1  initrd=a,b
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats import kernel_cmdline

#: No configuration is as long; a longer text is refused.
LIMIT_CHARACTERS = 1 << 20
#: More than anybody has of entries, and of characters in the `APPEND` that all of them inherit (syslinux
#: takes 2047), so that reading ends soon.
ENTRIES_LIMIT, INHERITED_LIMIT_CHARACTERS = 1000, 4096

_DIRECTIVE = re.compile(r"([ \t]*)([^ \t\r\n#][^ \t\r\n]*)([ \t]*)([^\r\n]*)")
_FILE = re.compile(r"[^ \t\r\n]+")
#: What `KERNEL` loads by the end of its name if it is not Linux.
_OTHER = (".c32", ".com", ".cbt", ".bss", ".bin", ".bs", ".0", ".img", ".efi")
_LOADING = frozenset(
    ("kernel", "linux", "boot", "bss", "pxe", "fdimage", "comboot", "com32", "config", "localboot")
)


@dataclass(frozen=True)
class Directive:
    """One directive, in a line counted from 1. The keyword is in lower case."""

    line: int
    keyword: str
    argument: str


@dataclass(frozen=True)
class Entry:
    """One `LABEL` with the directives below it.

    `kernel` is the file that `KERNEL` or `LINUX` loads, None for an entry that does not start Linux. `words`
    are all that the kernel gets, `initrds` the files of `INITRD` and of `initrd=`, as they are written.
    `inherits`: the words come from an `APPEND` above all entries.
    """

    label: str
    line: int
    directives: tuple[Directive, ...]
    kernel: str | None
    words: tuple[str, ...]
    initrds: tuple[str, ...]
    inherits: bool

    def argument(self, keyword: str) -> str | None:
        """What stands behind that keyword (the last one, which counts); None where it is missing."""
        return _last(self.directives, keyword)

    @property
    def title(self) -> str:
        """What the menu shows for it."""
        labels = [each.argument for each in self.directives if each.keyword == "menu"]
        found = [text[5:].strip() for text in labels if text[:6].lower().split() == ["label"]]
        return found[-1] if found else self.label


@dataclass(frozen=True)
class Config:
    """The whole file: its lines with their ends, all directives, and the entries in order."""

    lines: tuple[str, ...]
    directives: tuple[Directive, ...]
    entries: tuple[Entry, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def argument(self, keyword: str) -> str | None:
        """What stands behind that keyword anywhere in the file (the last one); None where it is missing."""
        return _last(self.directives, keyword)

    @property
    def includes(self) -> tuple[str, ...]:
        """The files that are read as a part of this one."""
        found = [each.argument.split() for each in self.directives if each.keyword == "include"]
        menus = [each.argument.split() for each in self.directives if each.keyword == "menu"]
        found += [words[1:] for words in menus if words[:1] and words[0].lower() == "include"]
        return tuple(words[0] for words in found if words)

    @property
    def default_entry(self) -> Entry | None:
        """The entry with `MENU DEFAULT`, else the one that `DEFAULT` names; None where neither does."""
        for entry in self.entries:
            if any(d.keyword == "menu" and d.argument.strip().lower() == "default" for d in entry.directives):
                return entry
        names = (self.argument("default") or "").split()[:1]
        return next((entry for entry in self.entries if [entry.label] == names), None)


def parse(text: str) -> Config:
    """The configuration in `text`; `parse(text).render() == text`.

    Raises FormatError for a carriage return within a line, and for a text longer than any configuration.
    """
    stray = re.search(r"\r(?!\n)", text)
    if stray:
        raise FormatError(
            f"line {text.count(chr(10), 0, stray.start()) + 1} of the extlinux configuration has a carriage "
            "return in it",
            "Remove it; line ends are LF.",
        )
    if len(text) > LIMIT_CHARACTERS:
        raise FormatError(
            f"the extlinux configuration has {len(text)} characters", "Look at it; no tool writes that."
        )
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    directives = list(_directives(lines))
    labels = [i for i, directive in enumerate(directives) if directive.keyword == "label"]
    above = directives[: labels[0]] if labels else directives
    ends = [*labels[1:], len(directives)]
    inherited = _last(above, "append")
    if len(labels) > ENTRIES_LIMIT or len(inherited or "") > INHERITED_LIMIT_CHARACTERS:
        raise FormatError(
            f"the extlinux configuration has {len(labels)} entries, and {len(inherited or '')} characters of "
            "words for all of them",
            "Look at it; no tool writes that.",
        )
    entries = [_entry(directives[start:end], inherited) for start, end in zip(labels, ends)]
    return Config(lines, tuple(directives), tuple(entries))


def edit_words(config: Config, edit: Callable[[Entry], Sequence[str]]) -> Config:
    """With the words that `edit` returns for every entry that starts Linux, which may be those it has.

    Words that stay keep their line and their gap. An entry that had no `APPEND` of its own gets one, one that
    loses all its words gets `APPEND -`. Raises FormatError where the words would not be read as they are.
    """
    lines = list(config.lines)
    inherited = ""
    for directive in config.directives:
        if directive.keyword == "label":
            break
        inherited = directive.argument if directive.keyword == "append" else inherited
    wanted = []
    for entry in config.entries:
        if entry.kernel is not None:
            words = tuple(edit(entry))
            wanted.append(words)
            if words != entry.words:
                _write(lines, entry, inherited, words)
    edited = parse("".join(lines))
    kept = [each.label for each in edited.entries] == [each.label for each in config.entries]
    if not kept or [each.words for each in edited.entries if each.kernel is not None] != wanted:
        raise FormatError(
            "the kernel's words in the extlinux configuration cannot be edited by word",
            "Put all of them behind APPEND, and close every double quote.",
        )
    return edited


def set_serial(config: Config, argument: str) -> Config:
    """With `SERIAL argument` as the first directive, where syslinux wants it, and no other `SERIAL`."""
    found = [each for each in config.directives if each.keyword == "serial"]
    if found == list(config.directives[:1]) and found and found[0].argument.split() == argument.split():
        return config
    gone = {each.line for each in found}
    lines = ["" if number in gone else line for number, line in enumerate(config.lines, 1)]
    at = next((each.line - 1 for each in config.directives if each.line not in gone), len(lines))
    above = "".join(lines[:at])
    glue = "" if above.endswith("\n") or not above else "\n"
    return parse(f"{above}{glue}SERIAL {argument}\n{''.join(lines[at:])}")


def _directives(lines: Sequence[str]) -> Iterator[Directive]:
    """The directives; the lines from `TEXT HELP` to `ENDTEXT` are a text for the user."""
    is_text = False
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.match(line)
        keyword = match[2].lower() if match else ""
        if is_text:
            is_text = keyword != "endtext"
        elif match:
            yield Directive(number, keyword, match[4])
            is_text = keyword == "text" and match[4].lower().split()[:1] == ["help"]


def _entry(directives: Sequence[Directive], inherited: str | None) -> Entry:
    """The entry whose directives these are, beginning with its label."""
    label, *below = directives
    kernel, rest = _kernel(below)
    own = _last(below, "append")
    append = (inherited or "") if own is None else own
    parts = [rest] if append.strip() == "-" else [rest, append]
    words = kernel_cmdline.parse(" ".join(parts)).words
    given = [kernel_cmdline.value_of(word) or "" for word in words if word.startswith("initrd=")]
    given.insert(0, (_last(below, "initrd") or "").strip())
    initrds = tuple(dict.fromkeys(file for text in given for file in text.split(",") if file))
    name = label.argument.strip()
    return Entry(name, label.line, tuple(below), kernel, words, initrds, own is None and bool(inherited))


def _kernel(directives: Sequence[Directive]) -> tuple[str | None, str]:
    """The kernel's file and the words behind it; None where what is loaded last is not Linux."""
    loading = [each for each in directives if each.keyword in _LOADING]
    match = _FILE.match(loading[-1].argument) if loading else None
    if not match or loading[-1].keyword not in ("kernel", "linux"):
        return None, ""
    if loading[-1].keyword == "kernel" and match[0].lower().endswith(_OTHER):
        return None, ""
    return match[0], loading[-1].argument[match.end() :]


def _write(lines: list[str], entry: Entry, inherited: str, words: Sequence[str]) -> None:
    """Puts the words of one entry into its lines."""
    loading = next(each for each in reversed(entry.directives) if each.keyword in ("kernel", "linux"))
    own = next((each for each in reversed(entry.directives) if each.keyword == "append"), None)
    append = own.argument if own else inherited
    rest = kernel_cmdline.parse(_kernel(entry.directives)[1])
    pieces = [kernel_cmdline.parse("" if append.strip() == "-" else append)]
    *first, last = kernel_cmdline.spread_words([rest, *pieces] if rest.parts else pieces, words)
    if first:
        file = loading.argument[: len(loading.argument) - len(rest.render())]
        _set_argument(lines, loading.line, file + first[0].render())
    text = last.render() if last.parts else "-"
    if own:
        _set_argument(lines, own.line, text)
        return
    match = _DIRECTIVE.match(lines[loading.line - 1])
    indent, keyword = (match[1], match[2]) if match else ("", "")
    glue = "" if lines[loading.line - 1].endswith("\n") else "\n"
    name = "append" if keyword.islower() else "APPEND"
    lines[loading.line - 1] += f"{glue}{indent}{name} {text}\n"


def _set_argument(lines: list[str], line: int, argument: str) -> None:
    match = _DIRECTIVE.match(lines[line - 1])
    if match:
        end = lines[line - 1][match.end() :]
        lines[line - 1] = match[1] + match[2] + (match[3] or " ") + argument + end


def _last(directives: Sequence[Directive], keyword: str) -> str | None:
    found = [each.argument for each in directives if each.keyword == keyword]
    return found[-1] if found else None
