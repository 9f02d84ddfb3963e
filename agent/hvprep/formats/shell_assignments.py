"""Assignments in a file that sh or bash sources: which of them last, and on what terms.

Reads as much of the grammar of sh (XCU 2.9) as tells which assignments stand at top level, and `NAME=(...)`
of bash. Runs nothing.

>>> found, disturbed = find_assignments('A="b c"; [ x ] && D=e', is_bash=False)
>>> [(each.name, each.words, each.conditional) for each in found], disturbed
([('A', ('b', 'c'), False), ('D', ('e',), True)], False)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hvprep.errors import FormatError
from hvprep.formats.shell_words import Piece, Token, check_text, line_at, split_words, tokens

_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
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
class Array:
    """`(...)` of an assignment of bash: its words, and where the last one ends in the file."""

    words: tuple[Token, ...]
    end: int


@dataclass(frozen=True)
class Assignment:
    """One `NAME=value` that lasts. `conditional`: not at top level, so it may or may not take effect.

    `appends` tells `NAME+=value`, which bash knows and dash does not. `array` is None where it is a string.
    """

    name: str
    line: int
    conditional: bool
    appends: bool
    pieces: tuple[Piece, ...]
    array: Array | None = None

    @property
    def refers_to_itself(self) -> bool:
        """Whether the value is made from the value before (`X="$X more"`)."""
        mention = re.compile(rf"\$\{{?{self.name}(?![A-Za-z0-9_])")
        return any(piece.opaque and mention.search(piece.text) for piece in self.pieces)

    @property
    def words(self) -> tuple[str, ...]:
        """The kernel command-line words of a string, the elements of an array; those with an opaque piece in
        them as they are written."""
        if self.array is not None:
            return tuple(word.text for word in self.array.words)
        return tuple("".join(unit.text for unit in word) for word in split_words(self.pieces))


def find_assignments(text: str, is_bash: bool) -> tuple[tuple[Assignment, ...], bool]:
    """(every assignment that lasts, in order; whether commands stand in `text` which may alter variables out
    of this reader's sight). `is_bash` tells that bash sources it, which knows `NAME+=value` and arrays.

    Raises FormatError for a quote, an expansion or an array that never ends, and as `check_text` does.
    """
    check_text(text)
    grammar = _Grammar(is_bash)
    for token, array in _join_arrays(text) if is_bash else ((token, None) for token in tokens(text)):
        if token.operator:
            grammar.read_operator(token.operator)
        else:
            grammar.read_word(token, array)
    grammar.finish()
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    found = tuple(replace(each, line=bisect_right(starts, each.line)) for each in grammar.found)
    return found, grammar.disturbed


def _join_arrays(text: str) -> Iterator[tuple[Token, Array | None]]:
    """The tokens, `NAME=` with the array that follows it."""
    stream = tokens(text)
    name: Token | None = None
    for token in stream:
        if name and token.operator == "(" and token.start == name.end and _NAME.fullmatch(name.text):
            yield name, _array(text, token, stream)
            name = None
            continue
        if name:
            yield name, None
        name = None if token.operator else token
        if token.operator:
            yield token, None
    if name:
        yield name, None


def _array(text: str, opening: Token, stream: Iterator[Token]) -> Array:
    words: list[Token] = []
    for token in stream:
        if token.operator == ")":
            return Array(tuple(words), words[-1].end if words else opening.end)
        if token.operator not in ("", "\n"):
            raise FormatError(
                f"the array that begins in line {line_at(text, opening.start)} has {token.operator!r} in it",
                "Put quotes around it, or close the array; bash does not take it as it is.",
            )
        if not token.operator:
            words.append(token)
    raise FormatError(
        f"the array that begins in line {line_at(text, opening.start)} never ends",
        "Close it; bash does not read the file as it is.",
    )


class _Grammar:
    """Follows the commands of a file as far as it takes to tell which assignments last, and on what terms."""

    def __init__(self, is_bash: bool) -> None:
        self._is_bash = is_bash
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

    def read_word(self, token: Token, array: Array | None) -> None:
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
            assignment = _assignment(token, array, is_declared)
            if assignment:
                # `export A=1 B=$A` expands before it assigns; X+=1 is a command's name for dash.
                is_early = is_declared and self._pending and any(piece.opaque for piece in pieces)
                self._guarded |= bool(is_early or (assignment.appends and not self._is_bash))
                self._pending.append(assignment)
            else:
                is_odd = "=" in token.text or any(
                    piece.opaque for piece in pieces
                )  # may assign for all we know
                self.disturbed |= is_odd or (not is_declared and token.text in _DISTURBING)
                self._command = self._command or token.text
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


def _assignment(token: Token, array: Array | None, is_declared: bool) -> Assignment | None:
    first = token.pieces[0] if token.pieces else Piece("", True)
    match = _NAME.match(first.text)
    if first.opaque or not match or not (is_declared or first.start == token.start):
        return None
    rest = replace(first, text=first.text[match.end() :], start=first.start + match.end())
    pieces = (rest, *token.pieces[1:]) if rest.text else token.pieces[1:]
    return Assignment(match[1], token.start, False, bool(match[2]), pieces, array)
