"""The words of nft(8): statements, the blocks that belong to them, variables and included files.

>>> text = "define P = { 80, 443 }\\ntable t {\\n  chain c { tcp dport $P drop; }\\n}"
>>> (table,) = parse(text, "a.nft", lambda name: ())
>>> [str(statement) for statement in table.block[0].block], table.block[0].words[0].place
(['tcp dport { 80 , 443 } drop'], 'a.nft, line 3')
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Callable, NamedTuple

from hvprep.errors import FormatError

_HINT = "see nft --check --file"
#: Variables and included files may multiply: no firewall of people has that many words.
_MOST_WORDS = 1_000_000
#: How far included files may include others (nft(8)).
_DEPTH = 16
_TOKEN = re.compile(r'[ \t\r]+|\\\n|#[^\n]*|\n|"[^"\n]*"|[{};,]|[!=<>]=|[=<>!]|[^\s{};,"#\\=!<>]+|.')
_ADDING = ("add", "create")
_OBJECTS = ("set", "map", "flowtable", "counter", "quota", "limit", "synproxy", "secmark", "ct", "tunnel")

#: The names and texts of the files that the pattern after `include` fits.
Include = Callable[[str], Iterable[tuple[object, str]]]


class Word(NamedTuple):
    """A word with its quotes, or a sign, and where it stands."""

    text: str
    path: object
    line: int

    @property
    def place(self) -> str:
        """The file and the line."""
        return f"{self.path}, line {self.line}"


@dataclass(frozen=True)
class Statement:
    """A line, or what ends at a semicolon, and the block that it opens. Braces of a set are among its words,
    those of sets inside are not."""

    words: tuple[Word, ...]
    block: tuple[Statement, ...] = ()

    def __str__(self) -> str:
        return " ".join(word.text for word in self.words)


def parse(text: str, path: object, include: Include) -> tuple[Statement, ...]:
    """The statements of a file. Raises FormatError where nft would load none of it."""
    reader = _Reader(include)
    return tuple(reader.block(reader.words(text, path), "file", 0))


class _Reader:
    """Reads one file, and those that it includes: variables are known from where they are defined."""

    def __init__(self, include: Include) -> None:
        self._include = include
        self._defined: dict[str, tuple[str, ...]] = {}
        self._count = 0

    def words(self, text: str, path: object) -> Iterator[Word]:
        line = 1
        for match in _TOKEN.finditer(f"{text}\n"):
            token = match[0]
            word = Word(";" if token == "\n" else token, path, line)
            if token in ('"', "\\"):
                raise FormatError(f"{word.place}: a {token} that does not belong there", _HINT)
            if token[0] not in " \t\r#\\":
                self._charge(word, 1)
                yield word
            line += token.count("\n")

    def block(
        self, words: Iterator[Word], inside: str, depth: int, opened_by: Word | None = None
    ) -> Iterator[Statement]:
        """The statements up to the brace that closes the block, or to the end of the file."""
        current: list[Word] = []
        for word in words:
            if word.text == "{":
                kind = _kind_of_block(current, inside)
                if kind is None:
                    current += self._set(word, words)
                else:
                    yield Statement(tuple(current), tuple(self.block(words, kind, depth, word)))
                    current = []
            elif word.text in (";", "}"):
                yield from self._end(current, inside, depth)
                current = []
                if word.text == "}" and opened_by is not None:
                    return
                if word.text == "}":
                    raise FormatError(f"{word.place}: a brace that closes nothing", _HINT)
            else:
                current += self._expand(word)
        if opened_by is not None:
            raise FormatError(f"{opened_by.place}: its brace is not closed", _HINT)

    def _end(self, words: list[Word], inside: str, depth: int) -> Iterator[Statement]:
        first = words[0].text if words else ""
        if first in ("define", "redefine") and len(words) > 3 and words[2].text == "=":
            self._defined[words[1].text] = tuple(word.text for word in words[3:])
        elif first == "undefine" and len(words) == 2:
            self._defined.pop(words[1].text, None)
        elif first == "include" and len(words) == 2:
            if depth >= _DEPTH:
                raise FormatError(f"{words[0].place}: files include one another too deeply", _HINT)
            for path, text in self._include(words[1].text.strip('"')):
                yield from self.block(self.words(text, path), inside, depth + 1)
        elif words:
            yield Statement(tuple(words))

    def _set(self, brace: Word, words: Iterator[Word]) -> Iterator[Word]:
        """The words up to the brace that closes the set; sets inside are a part of it."""
        yield brace
        depth = 1
        for word in words:
            depth += {"{": 1, "}": -1}.get(word.text, 0)
            if depth == 0:
                yield word
                return
            for each in self._expand(word):
                if each.text not in ("{", "}", ";"):
                    yield each
        raise FormatError(f"{brace.place}: its brace is not closed", _HINT)

    def _expand(self, word: Word) -> Iterable[Word]:
        if "$" not in word.text or word.text.startswith('"'):
            return (word,)
        value = self._defined.get(word.text[1:])
        if value is None:
            raise FormatError(f"{word.place}: {word.text[:80]} is not defined", _HINT)
        self._charge(word, len(value))
        return [word._replace(text=text) for text in value]

    def _charge(self, word: Word, count: int) -> None:
        self._count += count
        if self._count > _MOST_WORDS:
            raise FormatError(f"{word.place}: there is more of it than hvprep reads", "make it smaller")


def _kind_of_block(words: list[Word], inside: str) -> str | None:
    """What a brace after these words opens; None where it is a set."""
    if inside not in ("file", "table"):
        return None
    texts = [word.text for word in words]
    if inside == "file" and texts[:1] and texts[0] in _ADDING:
        texts = texts[1:]
    first = texts[0] if texts else ""
    if first == "chain" or (first == "table" and inside == "file"):
        return first
    return "object" if first in _OBJECTS else None
