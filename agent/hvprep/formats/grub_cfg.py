"""A GRUB 2 grub.cfg, generated or written by hand: its menu entries, and edits of their kernel words.

Reads words as GRUB's lexer does (grub-core/script/yylex.l) and follows `menuentry`, `submenu`, braces and
`if` as far as it takes to say what belongs together. Runs nothing: a word with a GRUB variable stays as it is
written. Longer than most files here: words, structure and edit need the same positions in the text.

>>> cfg = parse('menuentry "Linux" --id tux {\\n linux /vmlinuz ro quiet\\n initrd /initrd\\n}\\n')
>>> cfg.entries[0].title, cfg.entries[0].id, cfg.entries[0].linux.words, cfg.entries[0].linux.initrds
(('Linux',), 'tux', ('ro', 'quiet'), ('/initrd',))
>>> edited = edit_words(cfg, lambda entry, line: [*line.words, 'dyndbg="file x +p"'])
>>> edited.render().splitlines()[1]
' linux /vmlinuz ro quiet dyndbg="file x +p"'
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hvprep.errors import FormatError
from hvprep.formats import kernel_cmdline

#: More than any real file has; what goes beyond is refused, so that reading ends soon.
MAX_DEPTH, MAX_LINES_OF_ENTRY = 100, 100

#: GRUB's reader drops lines that begin with `#` before its lexer sees them, continued ones too.
_CONTINUATION = re.compile(r"\\\n(?:#[^\n]*(?:\n|\Z))*")
_GAP = re.compile(rf"(?:[ \t\r]|{_CONTINUATION.pattern})+")
_COMMENT = re.compile(r"#[^\n]*")
_BARE = re.compile(r"[^{}|&$;<> \t\r\n'\"\\]+")
_IN_DOUBLE = re.compile(r'[^"\\$]+')
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|\{(?:[A-Za-z_]\w*|[0-9]+|[?#*@])\}|[0-9]+|[?#*@])", re.A)
_SECTION = re.compile(r"### (BEGIN|END) (\S+) ###")
#: Characters that mean nothing to GRUB's lexer, nor to its globbing, wherever they stand.
_PLAIN = re.compile(r"[^{}|&$;<>\s'\"\\#*?\[\]]+")
_QUOTED = re.compile(r'([^"\s=]+=)?"([^"]*)"')

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


@dataclass(frozen=True)
class GrubCfg:
    """The whole file: its text, and its menu entries in order."""

    text: str
    entries: tuple[Entry, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return self.text


def loads_linux(entry: Entry) -> bool:
    """Whether the entry has a `linux` line: it is no chainloader, firmware setup or memory test."""
    return bool(entry.linux_lines)


def is_foreign(entry: Entry) -> bool:
    """Whether os-prober found the entry: it starts the system of another disk or partition."""
    return (entry.id or "").startswith("osprober-") or (entry.section or "").endswith("/30_os-prober")


def parse(text: str) -> GrubCfg:
    """The boot configuration in `text`; `parse(text).render() == text`.

    Raises FormatError for a quote or a menuentry that never ends, and for more nesting than any file has.
    """
    reader = _Reader(text)
    command: list[_Token] = []
    for token in _tokens(text):
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
    return GrubCfg(text, reader.entries())


def edit_words(cfg: GrubCfg, edit: Callable[[Entry, LinuxLine], Sequence[str]]) -> GrubCfg:
    """With the kernel words that `edit` returns for every `linux` line, which may be the words it has.

    Words that stay are left byte for byte, with the gap before them; new ones are quoted for GRUB, which gets
    to see them literally. Raises FormatError where a word is none, or GRUB could not hand it on.
    """
    lines = [(entry, line) for entry in cfg.entries for line in entry.linux_lines]
    wanted = [_canonical(line.words, edit(entry, line)) for entry, line in lines]
    text = cfg.text
    changed = [(line.spans, line, words) for (_, line), words in zip(lines, wanted) if words != line.words]
    for spans, line, words in sorted(changed, key=lambda each: each[0], reverse=True):
        text = text[: spans[0][1]] + _arguments(cfg.text, line, words) + text[spans[-1][1] :]
    edited = parse(text)
    if [line.words for entry in edited.entries for line in entry.linux_lines] != wanted:
        raise FormatError(
            "the kernel's words in grub.cfg cannot be edited by word", "Generate it anew with grub-mkconfig."
        )
    return edited


def _canonical(before: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    known = frozenset(before)
    return tuple(word if word in known else _kernel_word(_argument(word)) for word in words)


def _arguments(text: str, line: LinuxLine, words: Sequence[str]) -> str:
    """What stands after the kernel's path: gap and source of each word that stays, new words between."""
    source: dict[str, str] = {}
    places: dict[str, list[int]] = {}
    for i, word in enumerate(line.words):
        start, end = line.spans[i + 1]
        source.setdefault(word, text[start:end])
        places.setdefault(word, []).append(i)
    result = []
    after = 0
    for word in words:
        at = places.get(word, [])
        later = bisect_right(at, after - 1)
        if later < len(at):
            after = at[later] + 1
            result.append(text[line.spans[after - 1][1] : line.spans[after][1]])
        else:
            result.append(" " + (source.get(word) or _quoted(_argument(word))))
    return "".join(result)


def _kernel_word(argument: str) -> str:
    """The word that the kernel gets for an argument of `linux`: with quotes where it has spaces."""
    if not kernel_cmdline.WHITE_SPACE.intersection(argument):
        return argument
    name, equals, value = argument.partition("=")
    if equals and name and not kernel_cmdline.WHITE_SPACE.intersection(name):
        return f'{name}="{value}"'
    return f'"{argument}"'


def _argument(word: str) -> str:
    """The argument that makes GRUB hand on that kernel word."""
    match = _QUOTED.fullmatch(word)
    if kernel_cmdline.parse(word).parts != (("", word),) or ('"' in word and not match):
        raise FormatError(
            f"{word!r} is not one word that GRUB can hand to the kernel",
            "Put double quotes around the whole value, and nowhere else.",
        )
    return (match[1] or "") + match[2] if match else word


def _quoted(argument: str) -> str:
    if _PLAIN.fullmatch(argument):
        return argument
    name, equals, value = argument.partition("=")
    head, body = (name + equals, value) if equals and _PLAIN.fullmatch(name) else ("", argument)
    if "'" not in body and re.search(r'["$\\]', body):
        return f"{head}'{body}'"
    return head + '"' + re.sub(r'(["$\\])', r"\\\1", body) + '"'


@dataclass(frozen=True)
class _Token:
    """A word, a comment, or a character of punctuation. The text of an opaque word is as it is written."""

    kind: str
    text: str
    start: int
    end: int
    opaque: bool = False


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        gap = _GAP.match(text, position)
        comment = _COMMENT.match(text, position)
        if gap:
            position = gap.end()
            continue
        if comment:
            token = _Token("comment", comment[0], position, comment.end())
        elif text[position] in "{}|&;<>\n":
            token = _Token(text[position], text[position], position, position + 1)
        else:
            token = _word(text, position)
        yield token
        position = token.end


def _word(text: str, start: int) -> _Token:
    """The word that begins at `start`, without its quotes."""
    parts = []
    position = start
    opaque = False
    quote = ""
    opened = start
    while position < len(text) and (quote or text[position] not in "{}|&;<> \t\r\n"):
        character = text[position]
        run = (_IN_DOUBLE if quote else _BARE).match(text, position)
        variable = _VARIABLE.match(text, position)
        continuation = _CONTINUATION.match(text, position)
        end = position + 1
        plain = run or variable
        if plain:
            end = plain.end()
            opaque = opaque or not run
            parts.append(text[position:end])
        elif character == '"':
            quote, opened = "" if quote else '"', position
        elif character == "'":
            end = text.find("'", position + 1) + 1
            if not end:
                raise _unterminated(text, position)
            parts.append(text[position + 1 : end - 1])
        elif continuation:
            end = continuation.end()
        elif character == "\\" and end < len(text):
            end += 1
            keeps = quote and text[end - 1] not in '"\\$'
            parts.append(text[position:end] if keeps else text[end - 1])
        else:  # a `$` that begins no name, or a backslash at the end; `$"` is a text to translate
            opaque = opaque or (not quote and text.startswith('$"', position))
            parts.append(character)
        position = end
    if quote:
        raise _unterminated(text, opened)
    return _Token("word", text[start:position] if opaque else "".join(parts), start, position, opaque)


def _unterminated(text: str, position: int) -> FormatError:
    line = text.count("\n", 0, position) + 1
    return FormatError(f"the quote that begins in line {line} never ends", "Generate grub.cfg anew.")


@dataclass
class _Draft:
    """A menuentry that is being read. A path tells the branch of each `if` that a command stands in."""

    title: tuple[str, ...]
    id: str | None
    section: str | None
    first_line: int
    last_line: int = 0
    linux: list[tuple[dict[int, int], list[_Token]]] = field(default_factory=list)
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

    def read_keyword(self, token: _Token) -> None:
        if token.text == "if":
            self._push(_Frame("if", self._line(token)))
        elif self._frames and self._frames[-1].kind == "if":
            if token.text == "fi":
                self._frames.pop()
            elif token.text in ("elif", "else"):
                self._frames[-1].branch += 1

    def read_command(self, command: Sequence[_Token], opens: bool) -> None:
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

    def _read_module(self, draft: _Draft, command: Sequence[_Token]) -> None:
        arguments = [token for token in command[1:] if not token.text.startswith("--")]
        if arguments and not draft.linux:
            draft.linux.append((self._path(), [command[0], *arguments]))
        elif arguments:
            draft.initrds.append((self._path(), [arguments[0].text]))

    def close(self, token: _Token) -> None:
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

    def _open_menu(self, command: Sequence[_Token]) -> None:
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
                    tuple(word.text if word.opaque else _kernel_word(word.text) for word in words),
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

    def _line(self, token: _Token) -> int:
        return bisect_right(self._line_starts, token.start)


def _may_meet(path: dict[int, int], other: dict[int, int]) -> bool:
    """Whether commands on these paths may both run: no `if` has them in different branches."""
    return all(other.get(key, branch) == branch for key, branch in path.items())


def _heading(command: Sequence[_Token]) -> tuple[str, str | None]:
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


def _searched_uuid(command: Sequence[_Token]) -> list[str]:
    """The UUID that `search` sets root by, in a list; empty for a label, or for another variable."""
    words = [token.text for token in command[1:] if not token.opaque]
    if command[0].text == "search.fs_uuid":
        return words[:1] if words[1:2] in ([], ["root"]) else []
    sets = [word for word in words if word.startswith("--set") and word not in ("--set", "--set=root")]
    if sets or not {"--fs-uuid", "-u"}.intersection(words):
        return []
    return [word for word in words if not word.startswith("-") and word != "root"][-1:]
