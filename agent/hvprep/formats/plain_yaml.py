"""The part of YAML in which people write configuration, as PyYAML reads it, and nothing beyond it.

There is no YAML library where hvprep runs. What is not surely understood is refused with its line: tags,
merge keys, keys that are no words, plain or quoted text that goes on in the next line, several documents.
Texts of several lines (`|`, `>`) are passed over. Source: YAML 1.1 (yaml.org/spec/1.1), scanner.py of PyYAML 6.

>>> parse("datasource_list: [ NoCloud, 'Azure' ]  # mine\\nusers:\\n - default\\n")["users"]
[Scalar(text='default', is_plain=True)]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Union

from hvprep.errors import FormatError

#: How deep lists and mappings may stand in each other.
_DEPTH = 40
#: PyYAML takes keys of 1024 signs.
_KEY_LENGTH = 1000

#: Signs that PyYAML refuses, or takes for the end of a line.
_BEYOND = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_FIRST = r"(?:[^\s,\[\]{}:#&*!|>'\"%@`?=<-]|-(?=[^\s,\[\]{}:#-]))"
#: Up to a comment, or to the colon of a key; a `#` or a colon inside of a word is a part of it.
_PLAIN = re.compile(_FIRST + r"(?:[^\s:#]|:(?=\S)|(?<=\S)#| +(?=[^\s#:]|:\S))*")
_FLOW_PLAIN = re.compile(_FIRST + r"(?:[^\s,\[\]{}:#?]|:(?=[^\s,\[\]{}?])|(?<=\S)#| +(?=[^\s,\[\]{}:#?]))*")
_QUOTED = re.compile(r"'(?P<single>(?:[^'\n]|'')*)'(?!')" + r'|"(?P<double>(?:[^"\\\n]|\\["\\/])*)"')
_ANCHOR, _ALIAS = (re.compile(f"[{sign}]" + r"([0-9A-Za-z_-]+)(?=[ \n,\]}]|\Z)") for sign in "&*")
_COLON, _DASH, _ANY_COLON = (re.compile(sign) for sign in (r" *:(?=[ \n]|\Z)", r"-(?=[ \n]|\Z)", r" *:"))
_BLANKS = re.compile(" *")
_LINE_END = re.compile(r" *(?:(?<=[ \n])#[^\n]*)?(?=\n|\Z)")
_NO_CONTENT = re.compile(r"(?: *(?:#[^\n]*)?(?:\n|\Z))*? *(?=[^ \n#]|\Z)")
_PASSAGE = re.compile(r"[|>][-+]?(?=[ \n]|\Z)")
_START = re.compile(r"((?: *(?:#[^\n]*)?\n)*)---(?=(?: +#[^\n]*| *)(?:\n|\Z))")

_TRUE, _FALSE = frozenset(("yes", "true", "on")), frozenset(("no", "false", "off"))
_NULL = frozenset(("", "~", "null", "Null", "NULL"))


@dataclass(frozen=True)
class Scalar:
    """A text in one line. `is_plain`: without quotes around it, so that it may mean something else."""

    text: str
    is_plain: bool = True

    @property
    def boolean(self) -> bool | None:
        """The switch that it is; None where it is none."""
        word = self.text.lower()
        if not self.is_plain or self.text not in (word, word.capitalize(), word.upper()):
            return None
        return True if word in _TRUE else False if word in _FALSE else None

    @property
    def is_null(self) -> bool:
        """Whether it is no value at all."""
        return self.is_plain and self.text in _NULL


@dataclass(frozen=True)
class Passage:
    """A text of several lines, which was passed over."""


Value = Union[Scalar, Passage, List["Value"], Dict[str, "Value"]]


def parse(text: str) -> dict[str, Value]:
    """The mapping in `text`; {} where it holds nothing. Of several values of one key the last counts.

    Raises FormatError for what is no mapping, and for what this reader does not know.
    """
    text = text.replace("\r\n", "\n")
    start = _START.match(text)
    if start is not None:
        text = f"{start[1]}   {text[start.end() :]}"
    strange = _BEYOND.search(text)
    if strange is not None:
        raise _error(text, strange.start(), f"the sign {strange[0]!r} is beyond what hvprep reads")
    return _Reader(text).read()


def _error(text: str, at: int, what: str) -> FormatError:
    number = text.count("\n", 0, at) + 1
    return FormatError(f"line {number}: {what}", "see what it says yourself, or write it more plainly")


class _Reader:
    """A text, how far it was read, and the values that were given a name in it (`&name`)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.named: dict[str, Value] = {}

    def read(self) -> dict[str, Value]:
        self.skip()
        if self.is_done():
            return {}
        value = self.node(-1, 0)
        self.skip()
        if not isinstance(value, dict) or not self.is_done():
            raise self.error("this is no mapping of keys to values")
        return value

    def error(self, what: str = "this is beyond what hvprep reads of YAML") -> FormatError:
        return _error(self.text, self.at, what)

    def is_done(self) -> bool:
        return self.at == len(self.text)

    @property
    def column(self) -> int:
        return self.at - (self.text.rfind("\n", 0, self.at) + 1)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def sees(self, pattern: re.Pattern[str]) -> bool:
        return pattern.match(self.text, self.at) is not None

    def skip(self) -> None:
        """On to the next sign that is neither a blank nor in a comment."""
        self.take(_NO_CONTENT)
        if self.column == 0 and self.text.startswith(("---", "...", "%"), self.at):
            raise self.error("there is more than one document")

    # What indentation holds together.

    def node(self, indent: int, depth: int, after: str = "") -> Value:
        """The value that begins here, and whose lines are further in than `indent`: behind the `:` of a key,
        behind the `-` of an item, or at the start of a line."""
        if depth > _DEPTH:
            raise self.error("this is too deep")
        anchor = None
        if after:
            self.take(_BLANKS)
            anchor = self.take(_ANCHOR)
            if anchor is not None and anchor[1] in self.named:
                raise self.error(f"&{anchor[1]} is there twice")
        value = self.value(indent, depth, after if anchor is None else ":")
        if anchor is not None:
            self.named[anchor[1]] = value
        return value

    def value(self, indent: int, depth: int, after: str) -> Value:
        if after and self.take(_LINE_END):
            return self.below(indent, depth, after)
        self.take(_BLANKS)
        if self.take(_PASSAGE):
            self.end_line()
            return self.passage(indent)
        if after != ":" and self.sees(_DASH):
            return self.sequence(self.column, depth)
        if after != ":" and self.is_at_key():
            return self.mapping(self.column, depth)
        value = self.inline(depth)
        self.end_line()
        end = self.at
        self.skip()
        if not self.is_done() and self.column > indent:
            raise self.error("this is further in than what it belongs to")
        self.at = end
        return value

    def below(self, indent: int, depth: int, after: str) -> Value:
        """In the next lines. The items of a key may stand as far out as the key."""
        end = self.at
        self.skip()
        is_in = self.column > indent or (after == ":" and self.column == indent and self.sees(_DASH))
        if is_in and not self.is_done():
            return self.node(indent, depth + 1)
        self.at = end
        return Scalar("")

    def end_line(self) -> None:
        if self.take(_LINE_END) is None:
            raise self.error()

    def sequence(self, indent: int, depth: int) -> list[Value]:
        items: list[Value] = []
        while self.column == indent and self.take(_DASH):
            items.append(self.node(indent, depth + 1, after="-"))
            self.skip()
        return items

    def mapping(self, indent: int, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while self.column == indent and not self.is_done():
            key = self.word(_PLAIN)
            if key is None or len(key.text) > _KEY_LENGTH or not self.take(_COLON):
                raise self.error("this is no key with a value")
            found[key.text] = self.node(indent, depth + 1, after=":")
            self.skip()
        return found

    def is_at_key(self) -> bool:
        start = self.at
        is_key = self.word(_PLAIN) is not None and self.sees(_COLON)
        self.at = start
        return is_key

    def passage(self, indent: int) -> Passage:
        """Lines that are further in, up to one that is not; all as far in as the first one, or further."""
        inner = blank = 0
        while not self.is_done():
            start, self.at = self.at, self.text.find("\n", self.at + 1)
            self.at = len(self.text) if self.at < 0 else self.at
            line = self.text[start + 1 : self.at]
            margin = len(line) - len(line.lstrip(" "))
            if margin == len(line):
                blank = blank if inner else max(blank, margin)
            elif margin <= indent:
                self.at = start
                break
            else:
                inner = inner or margin
                if margin < inner or blank > inner:
                    raise self.error("this text is further out than its first line")
        return Passage()

    # What stands in one line, or in brackets.

    def word(self, plain: re.Pattern[str]) -> Scalar | None:
        quoted = self.take(_QUOTED)
        if quoted is not None:
            single, double = quoted["single"], quoted["double"]
            text = single.replace("''", "'") if single is not None else re.sub(r"\\(.)", r"\1", double)
            return Scalar(text, is_plain=False)
        match = self.take(plain)
        return None if match is None else Scalar(match[0])

    def inline(self, depth: int, plain: re.Pattern[str] = _PLAIN) -> Value:
        if depth > _DEPTH:
            raise self.error("this is too deep")
        if self.text.startswith("[", self.at):
            return self.flow_sequence(depth)
        if self.text.startswith("{", self.at):
            return self.flow_mapping(depth)
        alias = self.take(_ALIAS)
        value = self.named.get(alias[1]) if alias is not None else self.word(plain)
        if value is None:
            raise self.error()
        return value

    def flow_sequence(self, depth: int) -> list[Value]:
        items: list[Value] = []
        while self.goes_on("]", is_first=not items):
            items.append(self.inline(depth + 1, _FLOW_PLAIN))
        return items

    def flow_mapping(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        is_first = True
        while self.goes_on("}", is_first):
            is_first = False
            key = self.word(_FLOW_PLAIN)
            if key is None or len(key.text) > _KEY_LENGTH:
                raise self.error("this is no key with a value")
            found[key.text] = Scalar("")
            if self.take(_COLON if key.is_plain else _ANY_COLON):
                self.skip()
                if not self.text.startswith((",", "}"), self.at):
                    found[key.text] = self.inline(depth + 1, _FLOW_PLAIN)
        return found

    def goes_on(self, bracket: str, is_first: bool) -> bool:
        """Past the opening bracket or a comma to the next item; or past the closing bracket."""
        if is_first:
            self.at += 1
        else:
            self.skip()
            if self.text.startswith(bracket, self.at):
                self.at += 1
                return False
            if not self.text.startswith(",", self.at):
                raise self.error(f"here is neither a comma nor {bracket}")
            self.at += 1
        self.skip()
        if self.text.startswith(bracket, self.at):
            self.at += 1
            return False
        return True
