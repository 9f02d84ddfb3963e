"""/etc/default/grub and /etc/default/grub.d/*.cfg: settings of grub-mkconfig, which sh sources.

Reads the words, quotes and expansions of POSIX sh (XCU 2.2 and 2.3) and as much of its grammar as tells which
assignments stand at top level. Runs nothing: what only a shell can know stays an opaque piece, as written.
Longer than most files here: the edits and the evaluation need every piece that the reader of sh found.

>>> grub = parse('GRUB_CMDLINE_LINUX="quiet ro"  # mine')
>>> grub.remove_words('GRUB_CMDLINE_LINUX', lambda word: word == 'quiet').render()
'GRUB_CMDLINE_LINUX="ro"  # mine'
>>> evaluate([grub, parse('GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX a=$B"')], ['GRUB_CMDLINE_LINUX'])
{'GRUB_CMDLINE_LINUX': Value(text='quiet ro a=$B', words=('quiet', 'ro', 'a=$B'), certain=False)}
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hvprep.errors import FormatError
from hvprep.formats.kernel_cmdline import word_spans

#: No settings file is as long. A longer text is refused, and a value that grows beyond it is not expanded.
LIMIT_CHARACTERS = 1 << 18

_SPACE = re.compile(r"[ \t]+|\\\n|#[^\n]*")
_OPERATOR = re.compile(r"[0-9]*(<<<|<<-?|<&|<>|>>|>&|>\||<|>)|&&|\|\||;;|[;&|()\n]")
_BARE = re.compile(r"[^ \t\n;&|()<>'\"\\$`~]+")
_IN_DOUBLE = re.compile(r'[^"\\$`]+')
_PARAMETER = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])")
_BACKQUOTED = re.compile(r"`(?:[^`\\]|\\.)*`", re.S)
_COMMAND_PART = re.compile(r"(?<=[\s;&|(])(?:#[^\n]*|case(?=\s))")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_REFERENCE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])(.*))?\})", re.S | re.A)
_ASSIGNS_DEFAULT = re.compile(r"\$\{\w+:?=")

#: What each word or operator that closes a compound command has to find open; `f(` begins a function.
_OPENS = {
    "fi": ("if",),
    "done": ("while", "until", "for"),
    "esac": ("case",),
    "}": ("{",),
    ")": ("(", "f("),
}
_OPENING = frozenset(word for words in _OPENS.values() for word in words)
_RESERVED = _OPENING | frozenset((*_OPENS, "then", "elif", "else", "do", "!"))
_DECLARING = frozenset(("export", "readonly", "declare", "typeset", "local"))
#: Commands after which this reader no longer knows what the variables hold, or what is still read.
_DISTURBING = frozenset(
    (".", "source", "eval", "unset", "read", "return", "exit", "exec", "alias", "trap", "command", "builtin")
)
#: Assignments before these stay (XCU 2.14); before any other command they last for that command only.
_SPECIAL = _DECLARING | _DISTURBING | {":", "set", "shift", "times", "break", "continue"}


@dataclass(frozen=True)
class Piece:
    """A stretch of a value: its text, or an expansion as it is written (`$X`, `$(date)`) if it is opaque.

    `start` and `end` say where it stands in the file; the text of an escape is shorter than that.
    """

    text: str
    opaque: bool
    start: int = field(default=0, repr=False)
    end: int = field(default=0, repr=False)


@dataclass(frozen=True)
class Assignment:
    """One `NAME=value` that lasts. `conditional`: not at top level, so it may or may not take effect.

    `appends` tells `NAME+=value`, which bash knows and dash does not.
    """

    name: str
    line: int
    conditional: bool
    appends: bool
    pieces: tuple[Piece, ...]

    @property
    def refers_to_itself(self) -> bool:
        """Whether the value is made from the value before (`X="$X more"`)."""
        mention = re.compile(rf"\$\{{?{self.name}(?![A-Za-z0-9_])")
        return any(piece.opaque and mention.search(piece.text) for piece in self.pieces)

    @property
    def words(self) -> tuple[str, ...]:
        """The value's kernel command-line words; those with an opaque piece in them as they are written."""
        return tuple("".join(unit.text for unit in word) for word in _words(self.pieces))


@dataclass(frozen=True)
class Value:
    """What a variable holds after the files were sourced; opaque pieces as they are written.

    `certain` is False where a condition, an opaque piece or a command like `.` or `eval` took part.
    """

    text: str
    words: tuple[str, ...]
    certain: bool


@dataclass(frozen=True)
class DefaultGrub:
    """One settings file: its text, and the assignments in it, in order.

    `disturbed` tells that commands stand in it which may alter variables out of this reader's sight.
    """

    text: str
    all_assignments: tuple[Assignment, ...]
    disturbed: bool

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return self.text

    def assignments(self, name: str) -> tuple[Assignment, ...]:
        """Every assignment of that variable, conditional ones too."""
        return tuple(found for found in self.all_assignments if found.name == name)

    def remove_words(self, name: str, unwanted: Callable[[str], bool]) -> DefaultGrub:
        """Without the kernel words that `unwanted` accepts in every assignment of that variable.

        Only whole literal words go, each with the gap before it; a word that touches an opaque piece stays,
        and so do quotes and comments. Raises FormatError where what is left would read as something else.
        """
        found = self.assignments(name)
        kept_text = []
        position = 0
        for start, end in (cut for each in found for cut in _cuts(each.pieces, unwanted)):
            kept_text.append(self.text[position:start])
            position = end
        edited = parse("".join(kept_text) + self.text[position:])
        for before, after in zip(found, edited.assignments(name)):
            kept = [word for word in _words(before.pieces) if not _is_removed(word, unwanted)]
            if _readings(kept) != _readings(_words(after.pieces)):
                raise FormatError(
                    f"the value of {name} in line {before.line} cannot be edited by word",
                    "Write the value in one pair of double quotes.",
                )
        return edited

    def append_line(self, line: str) -> DefaultGrub:
        """With one more line at the end of the file, after a final newline where that was missing."""
        glue = "" if self.text.endswith("\n") or not self.text else "\n"
        if (self.text + glue).endswith("\\\n"):
            glue += "\n"  # the end of the file continues the last line: an empty line ends it
        return parse(f"{self.text}{glue}{line}\n")

    def append_assignment(self, name: str, words: Iterable[str]) -> DefaultGrub:
        """With a last line that adds `words` to what the variable holds then.

        >>> parse('A="x"').append_assignment('A', ['y', 'z']).render()
        'A="x"\\nA="$A y z"\\n'
        """
        return self.append_line(f'{name}="${name} {quote_words(words)}"')


def parse(text: str, appends: bool = False) -> DefaultGrub:
    """The settings file in `text`; `parse(text).render() == text`. `appends`: bash sources it and knows X+=1.

    Raises FormatError for an unterminated quote or expansion, and for a byte order mark or CRLF line ends,
    which sh takes for parts of the words: such a file does not do what it seems to say.
    """
    if text.startswith("\ufeff"):
        raise FormatError(
            "line 1 begins with a byte order mark, which sh reads as a part of the first word",
            "Remove the mark: sed -i '1s/^\\xef\\xbb\\xbf//' FILE",
        )
    carriage_return = text.find("\r\n")
    if carriage_return >= 0:
        raise FormatError(
            f"line {_line(text, carriage_return)} ends with CRLF, and sh reads the CR as a part of a word",
            "Convert the line ends: sed -i 's/\\r$//' FILE",
        )
    if len(text) > LIMIT_CHARACTERS:
        raise FormatError(
            f"the file has {len(text)} characters, more than settings have", "Look at the file."
        )
    grammar = _Grammar(appends)
    for token in tokens(text):
        if token.operator:
            grammar.read_operator(token.operator)
        else:
            grammar.read_word(token)
    grammar.finish()
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    found = tuple(replace(each, line=bisect_right(starts, each.line)) for each in grammar.found)
    return DefaultGrub(text, found, grammar.disturbed)


def evaluate(files: Sequence[DefaultGrub], names: Sequence[str]) -> dict[str, Value]:
    """What the variables `names` hold after sh sourced `files` in that order.

    `names` are taken to be unset before. References to variables of these files and of `names` are followed,
    the others stay. A conditional assignment counts as one that took effect, and makes the value uncertain.
    """
    known: dict[str, tuple[Sequence[Piece], bool]] = dict.fromkeys(names, ((), True))
    for assignment in (each for file in files for each in file.all_assignments):
        before = (Piece(f"${assignment.name}", True),) if assignment.appends else ()
        pieces, certain = _expand((*before, *assignment.pieces), known)
        certain = certain and not assignment.conditional and not assignment.appends
        known[assignment.name] = (pieces, certain)
    disturbed = any(file.disturbed for file in files)
    return {name: _value(*known[name], disturbed) for name in names}


def quote_words(words: Iterable[str]) -> str:
    """The words with spaces between, fit for the inside of double quotes in sh.

    >>> print(quote_words(['quiet', 'dyndbg="file x +p"', 'a=$b']))
    quiet dyndbg=\\"file x +p\\" a=\\$b
    """
    return re.sub(r'(["$`\\])', r"\\\1", " ".join(words))


def _value(pieces: Sequence[Piece], certain: bool, disturbed: bool) -> Value:
    words = tuple("".join(unit.text for unit in word) for word in _words(pieces))
    opaque = any(piece.opaque for piece in pieces)
    return Value("".join(piece.text for piece in pieces), words, certain and not opaque and not disturbed)


def _expand(
    pieces: Sequence[Piece], known: Mapping[str, tuple[Sequence[Piece], bool]], depth: int = 0
) -> tuple[Sequence[Piece], bool]:
    """The pieces with references to known variables replaced, and whether all of those were certain."""
    result: list[Piece] = []
    certain = True
    size = 0
    for piece in pieces:
        new: Sequence[Piece] = (Piece(piece.text, piece.opaque, 0, len(piece.text)),)
        match = _REFERENCE.fullmatch(piece.text) if piece.opaque and depth < 8 else None
        value, sure = known.get((match[1] or match[2]) if match else "", (None, True))
        if match and value is not None:
            filled = any(not part.opaque for part in value)
            wording = match[4] or ""
            if match[3] is None or (match[3] == "-" and filled):
                new = value
            elif (filled or not value) and not re.search(r"['\"]|\\\}", wording):
                wanted = filled == (match[3] == "+")
                new, inner = _expand(_word(f'"{wording}"', 0)[0], known, depth + 1) if wanted else ((), True)
                sure = sure and inner
        size += sum(len(part.text) for part in new)
        if size > LIMIT_CHARACTERS:
            return pieces, False
        result += new
        certain = certain and sure
    return result, certain


def _units(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces, with runs of text cut up into characters."""
    units = []
    for piece in pieces:
        if piece.opaque or len(piece.text) != piece.end - piece.start:
            units.append(piece)
        else:
            units += [Piece(c, False, i, i + 1) for i, c in enumerate(piece.text, piece.start)]
    return units


def _words(pieces: Iterable[Piece]) -> list[list[Piece]]:
    units = _units(pieces)
    return [units[start:end] for start, end in word_spans([unit.text for unit in units])]


def _readings(words: Iterable[Sequence[Piece]]) -> list[list[tuple[str, bool]]]:
    return [[(unit.text, unit.opaque) for unit in word] for word in words]


def _is_removed(word: Sequence[Piece], unwanted: Callable[[str], bool]) -> bool:
    return not any(unit.opaque for unit in word) and unwanted("".join(unit.text for unit in word))


def _cuts(pieces: Iterable[Piece], unwanted: Callable[[str], bool]) -> list[tuple[int, int]]:
    """Where the unwanted words stand in the file, with the gap before each (after it, for leading ones)."""
    units = _units(pieces)
    spans = word_spans([unit.text for unit in units])
    gone: list[Piece] = []
    end_before = 0
    leading = True
    for i, (start, end) in enumerate(spans):
        if _is_removed(units[start:end], unwanted):
            after = spans[i + 1][0] if i + 1 < len(spans) else len(units)
            gone += units[start:after] if leading else units[end_before:end]
        else:
            leading = False
        end_before = end
    return [(unit.start, unit.end) for unit in gone]


@dataclass(frozen=True)
class Token:
    """A word of sh, or an operator (then `pieces` is empty)."""

    operator: str
    pieces: tuple[Piece, ...]
    start: int
    end: int


class _Grammar:
    """Follows the commands of a file as far as it takes to tell which assignments last, and on what terms."""

    def __init__(self, appends: bool) -> None:
        self._appends = appends
        self.found: list[Assignment] = []
        self.disturbed = False
        self._open: list[str] = []
        self._pending: list[Assignment] = []
        self._command: str | None = None
        self._guarded = False
        self._is_redirecting = False

    def read_operator(self, operator: str) -> None:
        if operator[0] in "<>":
            self._is_redirecting = self._guarded = True  # where that fails, nothing is assigned
            return
        # NAME=(...) is an array of bash; `&` takes all of `a && b` into the background.
        self.disturbed |= operator == "&" or (operator == "(" and bool(self._pending))
        is_empty = self._command is None and not self._pending
        lasts = self._command is None or self._command in _SPECIAL
        terms = bool(self._open) or self._guarded or operator == "|"
        self.found += [replace(each, conditional=terms) for each in self._pending if lasts]
        self._pending, self._command, self._is_redirecting = [], None, False
        self._guarded = operator in ("&&", "||", "|") or (operator == "\n" and is_empty and self._guarded)
        if operator == "(":
            self._open.append("(" if is_empty else "f(")
        elif operator == ")" and self._open[-1:] != ["case"]:
            self._guarded = self._close(operator) == "f("

    def read_word(self, token: Token) -> None:
        pieces = token.pieces
        is_bare = len(pieces) == 1 and pieces[0].start == token.start and not pieces[0].opaque
        bare = pieces[0].text if is_bare else ""
        if any(piece.opaque and _ASSIGNS_DEFAULT.search(piece.text) for piece in pieces):
            self.disturbed = True
        if self._is_redirecting:
            self._is_redirecting = False
        elif self._command is None and not self._pending and bare in _RESERVED:
            self._read_reserved(bare)
        elif self._command is None or self._command in _DECLARING:
            is_declared = self._command is not None
            assignment = _assignment(token, is_declared)
            if assignment:
                # `export A=1 B=$A` expands before it assigns; X+=1 is a command's name for dash.
                is_early = is_declared and self._pending and any(piece.opaque for piece in pieces)
                self._guarded |= bool(is_early or (assignment.appends and not self._appends))
                self._pending.append(assignment)
            else:
                text = "".join(piece.text for piece in pieces)
                is_odd = "=" in text or any(piece.opaque for piece in pieces)  # may assign for all we know
                self.disturbed |= is_odd or (not is_declared and text in _DISTURBING)
                self._command = self._command or text
        elif self._command == "case" and bare == "in":
            self._command = None

    def finish(self) -> None:
        self.read_operator("\n")
        self.disturbed |= bool(self._open)

    def _read_reserved(self, word: str) -> None:
        if word in _OPENING:
            self._open.append(word)
        elif word in _OPENS:
            self._close(word)
        if word in ("for", "case"):
            self._command = word
        self.disturbed |= word == "for"  # assigns its variable

    def _close(self, closing: str) -> str:
        """What `closing` closes. Where that is not what it should, sh may not get far in this file."""
        opening = self._open.pop() if self._open else ""
        self.disturbed |= opening not in _OPENS[closing]
        return opening


def _assignment(token: Token, is_declared: bool) -> Assignment | None:
    first = token.pieces[0] if token.pieces else Piece("", True)
    match = _NAME.match(first.text)
    if first.opaque or not match or not (is_declared or first.start == token.start):
        return None
    rest = replace(first, text=first.text[match.end() :], start=first.start + match.end())
    pieces = (rest, *token.pieces[1:]) if rest.text else token.pieces[1:]
    return Assignment(match[1], token.start, False, bool(match[2]), pieces)


def tokens(text: str) -> Iterator[Token]:
    """The words and operators of sh in `text`, without comments and here-documents. Raises FormatError."""
    position = 0
    awaited = ""
    documents: list[tuple[str, bool]] = []
    while position < len(text):
        space = _SPACE.match(text, position)
        operator = _OPERATOR.match(text, position)
        if space:
            position = space.end()
        elif operator:
            yield Token(operator[1] or operator[0], (), position, operator.end())
            awaited = operator[1] if operator[1] in ("<<", "<<-") else ""
            position = operator.end()
            if operator[0] == "\n":
                position = _skip_documents(text, position, documents)
                documents = []
        else:
            pieces, end = _word(text, position)
            if awaited:
                documents.append(("".join(piece.text for piece in pieces), awaited == "<<-"))
                awaited = ""
            yield Token("", tuple(pieces), position, end)
            position = end


def _skip_documents(text: str, position: int, documents: Iterable[tuple[str, bool]]) -> int:
    """The position after the here-documents that begin at `position`; the end of the file ends them too."""
    for delimiter, strips_tabs in documents:
        line = ""
        while position < len(text) and (line.lstrip("\t") if strips_tabs else line) != delimiter + "\n":
            end = text.find("\n", position) + 1 or len(text)
            line, position = text[position:end], end
    return position


def _word(text: str, position: int) -> tuple[list[Piece], int]:
    """The pieces of the word that begins at `position`, and where it ends."""
    pieces: list[Piece] = []
    while position < len(text) and text[position] not in " \t\n;&|()<>":
        character = text[position]
        bare = _BARE.match(text, position)
        if bare:
            pieces.append(Piece(bare[0], False, position, bare.end()))
            position = bare.end()
        elif character == "'":
            end = text.find("'", position + 1)
            if end < 0:
                raise _unterminated(text, position, "single quote")
            pieces.append(Piece(text[position + 1 : end], False, position + 1, end))
            position = end + 1
        elif character == '"':
            position = _double_quoted(text, position, pieces)
        elif character == "\\":
            position = _escape(text, position, pieces)
        else:
            pieces.append(_expansion(text, position, is_quoted=False))
            position = pieces[-1].end
    return [piece for piece in pieces if piece.text], position


def _escape(text: str, position: int, pieces: list[Piece]) -> int:
    escaped = text[position + 1 : position + 2]
    if escaped != "\n":
        pieces.append(Piece(escaped or "\\", False, position, min(position + 2, len(text))))
    return min(position + 2, len(text))


def _double_quoted(text: str, start: int, pieces: list[Piece]) -> int:
    position = start + 1
    while position < len(text):
        character = text[position]
        run = _IN_DOUBLE.match(text, position)
        if run:
            pieces.append(Piece(run[0], False, position, run.end()))
            position = run.end()
        elif character == '"':
            return position + 1
        elif character == "\\" and text[position + 1 : position + 2] in ("$", "`", '"', "\\", "\n"):
            position = _escape(text, position, pieces)
        elif character == "\\":
            pieces.append(Piece("\\", False, position, position + 1))
            position += 1
        else:
            pieces.append(_expansion(text, position, is_quoted=True))
            position = pieces[-1].end
    raise _unterminated(text, start, "double quote")


def _expansion(text: str, start: int, is_quoted: bool) -> Piece:
    """The piece for the `$`, backquote or `~` at `start`. A `$` before a quote is opaque: shells differ."""
    parameter = _PARAMETER.match(text, start)
    if parameter:  # with a continuation after it: what follows may belong to the name
        end = parameter.end() + 2 * text.startswith("\\\n", parameter.end())
    elif text.startswith(("$(", "${", "`"), start):
        end = _end_of_nesting(text, start, is_quoted)
    else:
        is_special = text.startswith("$\\\n", start) or (
            not is_quoted and text.startswith(("~", "$'", '$"'), start)
        )
        return Piece(text[start], is_special, start, start + 1)
    return Piece(text[start:end], True, start, end)


def _end_of_nesting(text: str, start: int, is_quoted: bool) -> int:
    """Where `$(...)`, `${...}` or a backquoted command that begins at `start` ends.

    The stack holds what is open: `(`, `{`, `"`, and `"{` for a `${` inside double quotes, where single
    quotes mean nothing.
    """
    stack: list[str] = []
    position = start
    while position < len(text):
        state = stack[-1] if stack else ('"' if is_quoted else "")
        character = text[position]
        step = 1
        if text.startswith(("$(", "${"), position):
            brace = '"{' if '"' in state else "{"
            stack.append("(" if text[position + 1] == "(" else brace)
            step = 2
        elif character == "\\":
            step = 2
        elif character == "`":
            command = _BACKQUOTED.match(text, position)
            step = len(command[0]) if command else 0
        elif character == "'" and '"' not in state:
            step = text.find("'", position + 1) + 1 - position
        elif character == '"' and state != '"':
            stack.append(character)
        elif state == "(":
            step = _step_in_command(text, position, stack)
        elif character == '"' or (character == "}" and state[-1] == "{"):
            stack.pop()
        if step <= 0:
            break
        position += step
        if not stack:
            return position
    raise _unterminated(text, start, "expansion")


def _step_in_command(text: str, position: int, stack: list[str]) -> int:
    """How far to go on inside `$(...)`, outside of its quotes."""
    part = _COMMAND_PART.match(text, position)
    if part and part[0] == "case":
        raise FormatError(
            f"line {_line(text, position)} has a `case` inside $(...), which hvprep does not read",
            "Move the `case` out of the substitution.",
        )
    if text[position] == "(":
        stack.append("(")
    elif text[position] == ")":
        stack.pop()
    return len(part[0]) if part else 1


def _unterminated(text: str, position: int, what: str) -> FormatError:
    return FormatError(
        f"the {what} that begins in line {_line(text, position)} never ends",
        "Close it; sh does not read the file as it is.",
    )


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
