"""The menu entries of a grub.cfg: what each of them boots.

Follows `menuentry`, `submenu`, braces and `if` as far as it takes to say what belongs together. Runs nothing.

>>> (entry,) = read_entries('submenu "All" {\\nmenuentry "Linux" --id tux {\\nlinux /vmlinuz ro quiet\\n}}')
>>> entry.title, entry.id, entry.linux.words
(('All', 'Linux'), 'tux', ('ro', 'quiet'))
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from hvprep.errors import FormatError
from hvprep.formats.grub_words import Token, kernel_word, tokens

#: More than any real file has; what goes beyond is refused, so that reading ends soon.
MAX_DEPTH, MAX_LINES_OF_ENTRY = 100, 100

_SECTION = re.compile(r"### (BEGIN|END) (\S+) ###")
_KEYWORDS = frozenset(("if", "then", "elif", "else", "fi", "while", "until", "do", "done"))
_WITH_ARGUMENT = frozenset(("--class", "--users", "--hotkey", "--source"))
_ID_OPTIONS = frozenset(("--id", "$menuentry_id_option", "${menuentry_id_option}"))
_LINUX = frozenset(("linux", "linux16", "linuxefi"))
_INITRD = frozenset(("initrd", "initrd16", "initrdefi"))
#: Xen: the first module that its hypervisor gets is Linux with its words, the next ones are initrds.
_HYPERVISOR = frozenset(("multiboot", "multiboot2", "xen_hypervisor"))
_MODULE = frozenset(("module", "module2", "xen_module"))


@dataclass(frozen=True)
class LinuxLine:
    """One `linux` command, or what stands for it below Xen: its word, the kernel's path, and the words of the
    kernel command line.

    The words are written as for the kernel (`name="value with spaces"`) whatever quotes GRUB has around them;
    one with a GRUB variable is left as it is written, and then `certain` is False. `initrds` are the paths of
    the entry's initrd commands that are not in another branch of an `if` than this line.
    """

    line: int
    command: str
    kernel: str
    words: tuple[str, ...]
    initrds: tuple[str, ...]
    certain: bool
    spans: tuple[tuple[int, int], ...] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Entry:
    """One menuentry. `title` begins with the titles of the submenus that it stands in.

    `section` is the script of /etc/grub.d whose output it is in, None outside of all. `search_uuids` are the
    file systems that it looks for to find its root.
    """

    title: tuple[str, ...]
    id: str | None
    section: str | None
    linux_lines: tuple[LinuxLine, ...]
    initrds: tuple[str, ...]
    search_uuids: tuple[str, ...]
    chainloads: bool
    first_line: int
    last_line: int

    @property
    def linux(self) -> LinuxLine | None:
        """The first `linux` line, or None for an entry that starts something else."""
        return self.linux_lines[0] if self.linux_lines else None


def read_entries(text: str) -> tuple[Entry, ...]:
    """Every menuentry in `text`, in order.

    Raises FormatError for a quote or a menuentry that never ends, and for more nesting than any file has.
    """
    reader = _Reader(text)
    command: list[Token] = []
    for token in tokens(text):
        if token.kind == "comment":
            reader.read_comment(token.text)
        elif token.kind == "word" and not command and token.text in _KEYWORDS:
            reader.read_keyword(token)
        elif token.kind == "word":
            command.append(token)
        else:
            reader.read_command(command, opens=token.kind == "{")
            if token.kind == "}":
                reader.close(token)
            command = []
    reader.read_command(command, opens=False)
    return reader.entries()


@dataclass
class _Draft:
    """A menuentry that is being read. A path tells the branch of each `if` that a command stands in."""

    title: tuple[str, ...]
    id: str | None
    section: str | None
    first_line: int
    last_line: int = 0
    linux: list[tuple[dict[int, int], list[Token]]] = field(default_factory=list)
    initrds: list[tuple[dict[int, int], list[str]]] = field(default_factory=list)
    search_uuids: list[str] = field(default_factory=list)
    chainloads: bool = False
    has_hypervisor: bool = False


@dataclass
class _Frame:
    """Something open: a `{` of an entry, of a submenu or of something else, or an `if` in its nth branch."""

    kind: str
    line: int
    title: str = ""
    draft: _Draft | None = None
    branch: int = 0


class _Reader:
    """Follows the commands of a file, and collects the entries."""

    def __init__(self, text: str) -> None:
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._frames: list[_Frame] = []
        self._drafts: list[_Draft] = []
        self._section: str | None = None

    def read_comment(self, text: str) -> None:
        match = _SECTION.match(text)
        if match:
            self._section = match[2] if match[1] == "BEGIN" else None

    def read_keyword(self, token: Token) -> None:
        if token.text == "if":
            self._push(_Frame("if", self._line(token)))
        elif self._frames and self._frames[-1].kind == "if":
            if token.text == "fi":
                self._frames.pop()
            elif token.text in ("elif", "else"):
                self._frames[-1].branch += 1

    def read_command(self, command: Sequence[Token], opens: bool) -> None:
        name = command[0].text if command else ""
        draft = next((frame.draft for frame in reversed(self._frames) if frame.draft), None)
        if opens and name in ("menuentry", "submenu"):
            self._open_menu(command)
        elif opens:
            self._push(_Frame("block", 0))
        elif draft and name in _LINUX and len(command) > 1:
            draft.linux.append((self._path(), list(command)))
        elif draft and name in _INITRD:
            draft.initrds.append((self._path(), [token.text for token in command[1:]]))
        elif draft and name in _HYPERVISOR:
            draft.has_hypervisor = True
        elif draft and draft.has_hypervisor and name in _MODULE and len(command) > 1:
            self._read_module(draft, command)
        elif draft and name in ("search", "search.fs_uuid"):
            draft.search_uuids += _searched_uuid(command)
        elif draft and name == "chainloader":
            draft.chainloads = True
        if draft and len(draft.linux) + len(draft.initrds) > MAX_LINES_OF_ENTRY:
            raise FormatError(
                f"the menuentry in line {draft.first_line} has more than {MAX_LINES_OF_ENTRY} linux lines",
                "Look at grub.cfg; no generator writes that.",
            )

    def _read_module(self, draft: _Draft, command: Sequence[Token]) -> None:
        arguments = [token for token in command[1:] if not token.text.startswith("--")]
        if arguments and not draft.linux:
            draft.linux.append((self._path(), [command[0], *arguments]))
        elif arguments:
            draft.initrds.append((self._path(), [arguments[0].text]))

    def close(self, token: Token) -> None:
        """A `}`: ends what the last `{` began; GRUB skips one that ends nothing."""
        braces = [i for i, frame in enumerate(self._frames) if frame.kind != "if"]
        if braces:
            draft = self._frames[braces[-1]].draft
            if draft:
                draft.last_line = self._line(token)
            del self._frames[braces[-1] :]

    def entries(self) -> tuple[Entry, ...]:
        """All entries of the file, once it is read."""
        for frame in self._frames:
            if frame.kind in ("menuentry", "submenu"):
                raise FormatError(
                    f"the menu that begins in line {frame.line} never ends", "Generate grub.cfg anew."
                )
        return tuple(self._finished(draft) for draft in self._drafts)

    def _open_menu(self, command: Sequence[Token]) -> None:
        line = self._line(command[0])
        title, menu_id = _heading(command)
        frame = _Frame(command[0].text, line, title)
        if frame.kind == "menuentry":
            path = [each.title for each in self._frames if each.kind == "submenu"]
            frame.draft = _Draft((*path, title), menu_id, self._section, line)
            self._drafts.append(frame.draft)
        self._push(frame)

    def _finished(self, draft: _Draft) -> Entry:
        lines = []
        for path, (command, kernel, *words) in draft.linux:
            initrds = [each for other, each in draft.initrds if _may_meet(path, other)]
            lines.append(
                LinuxLine(
                    self._line(command),
                    command.text,
                    kernel.text,
                    tuple(word.text if word.opaque else kernel_word(word.text) for word in words),
                    tuple(image for each in initrds for image in each),
                    not any(word.opaque for word in (kernel, *words)),
                    tuple((word.start, word.end) for word in (kernel, *words)),
                )
            )
        return Entry(
            draft.title,
            draft.id,
            draft.section,
            tuple(lines),
            tuple(dict.fromkeys(image for _, each in draft.initrds for image in each)),
            tuple(dict.fromkeys(draft.search_uuids)),
            draft.chainloads,
            draft.first_line,
            draft.last_line,
        )

    def _path(self) -> dict[int, int]:
        return {id(frame): frame.branch for frame in self._frames if frame.kind == "if"}

    def _push(self, frame: _Frame) -> None:
        if len(self._frames) >= MAX_DEPTH:
            raise FormatError(
                f"grub.cfg nests more than {MAX_DEPTH} deep", "Look at it; no generator writes that."
            )
        self._frames.append(frame)

    def _line(self, token: Token) -> int:
        return bisect_right(self._line_starts, token.start)


def _may_meet(path: dict[int, int], other: dict[int, int]) -> bool:
    """Whether commands on these paths may both run: no `if` has them in different branches."""
    return all(other.get(key, branch) == branch for key, branch in path.items())


def _heading(command: Sequence[Token]) -> tuple[str, str | None]:
    """Title and id of a menuentry or submenu: the first word that belongs to no option, and `--id`."""
    title: str | None = None
    menu_id: str | None = None
    words = iter(command[1:])
    for word in words:
        if word.text in _ID_OPTIONS:
            following = next(words, None)
            menu_id = following.text if following else None
        elif word.text.startswith("--id="):
            menu_id = word.text[len("--id=") :]
        elif word.text in _WITH_ARGUMENT:
            next(words, None)
        elif title is None and not word.text.startswith("--"):
            title = word.text
    return title or "", menu_id


def _searched_uuid(command: Sequence[Token]) -> list[str]:
    """The UUID that `search` sets root by, in a list; empty for a label, or for another variable."""
    words = [token.text for token in command[1:] if not token.opaque]
    if command[0].text == "search.fs_uuid":
        return words[:1] if words[1:2] in ([], ["root"]) else []
    sets = [word for word in words if word.startswith("--set") and word not in ("--set", "--set=root")]
    if sets or not {"--fs-uuid", "-u"}.intersection(words):
        return []
    return [word for word in words if not word.startswith("-") and word != "root"][-1:]
