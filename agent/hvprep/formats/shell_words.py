"""Words of sh: where they begin and end in a file that sh or bash sources, and the pieces they are made of.

Reads the words, quotes and expansions of POSIX sh (XCU 2.2 and 2.3), its operators and here-documents. Runs
nothing: what only a shell can know stays an opaque piece, as written.

>>> [token.text or token.operator for token in tokens('A="b  c"$D; # e')]
['A=b  c$D', ';']
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

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
class Token:
    """A word of sh, or an operator (then `pieces` is empty)."""

    operator: str
    pieces: tuple[Piece, ...]
    start: int
    end: int

    @property
    def text(self) -> str:
        """What the pieces say, opaque ones as they are written."""
        return "".join(piece.text for piece in self.pieces)


def check_text(text: str) -> None:
    """Raises FormatError for what sh takes for a part of a word, so that the file does not do what it seems
    to say (a byte order mark, CRLF line ends), and for a text that is too long."""
    if text.startswith("\ufeff"):
        raise FormatError(
            "line 1 begins with a byte order mark, which sh reads as a part of the first word",
            "Remove the mark: sed -i '1s/^\\xef\\xbb\\xbf//' FILE",
        )
    carriage_return = text.find("\r\n")
    if carriage_return >= 0:
        raise FormatError(
            f"line {line_at(text, carriage_return)} ends with CRLF, and sh reads the CR as a part of a word",
            "Convert the line ends: sed -i 's/\\r$//' FILE",
        )
    if len(text) > LIMIT_CHARACTERS:
        raise FormatError(
            f"the file has {len(text)} characters, more than settings have", "Look at the file."
        )


def split_words(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """The kernel command-line words in a value, each by its units: see `split_units`."""
    units = split_units(pieces)
    return [units[start:end] for start, end in word_spans([unit.text for unit in units])]


def split_units(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces, with runs of text cut up into characters."""
    units = []
    for piece in pieces:
        if piece.opaque or len(piece.text) != piece.end - piece.start:
            units.append(piece)
        else:
            units += [Piece(c, False, i, i + 1) for i, c in enumerate(piece.text, piece.start)]
    return units


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
            token = read_word(text, position)
            if awaited:
                documents.append((token.text, awaited == "<<-"))
                awaited = ""
            yield token
            position = token.end


def _skip_documents(text: str, position: int, documents: Iterable[tuple[str, bool]]) -> int:
    """The position after the here-documents that begin at `position`; the end of the file ends them too."""
    for delimiter, strips_tabs in documents:
        line = ""
        while position < len(text) and (line.lstrip("\t") if strips_tabs else line) != delimiter + "\n":
            end = text.find("\n", position) + 1 or len(text)
            line, position = text[position:end], end
    return position


def read_word(text: str, start: int) -> Token:
    """The word that begins at `start`."""
    pieces: list[Piece] = []
    position = start
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
    return Token("", tuple(piece for piece in pieces if piece.text), start, position)


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
            f"line {line_at(text, position)} has a `case` inside $(...), which hvprep does not read",
            "Move the `case` out of the substitution.",
        )
    if text[position] == "(":
        stack.append("(")
    elif text[position] == ")":
        stack.pop()
    return len(part[0]) if part else 1


def _unterminated(text: str, position: int, what: str) -> FormatError:
    return FormatError(
        f"the {what} that begins in line {line_at(text, position)} never ends",
        "Close it; sh does not read the file as it is.",
    )


def line_at(text: str, position: int) -> int:
    """The number of the line that `position` is in."""
    return text.count("\n", 0, position) + 1
