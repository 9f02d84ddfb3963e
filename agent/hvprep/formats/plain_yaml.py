"""The part of YAML in which people and installers write the files of cloud-init and netplan.

There is no YAML library where hvprep runs. What is not surely understood is refused with its line, never
guessed: tags, merge keys, keys that are no words, text that goes on in the next line, several documents.
Texts of several lines (`|`, `>`) are passed over. Source: YAML 1.1 (yaml.org/spec/1.1), PyYAML 6.

>>> node = parse("network:\\n  ethernets:\\n    eth0: {dhcp4: true, addresses: [10.0.0.4/24]}\\n")
>>> node.get("network", "ethernets", "eth0", "dhcp4").scalar
'true'
>>> node.get("network", "ethernets", "eth0", "addresses").texts
('10.0.0.4/24',)
"""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass

from hvprep.errors import FormatError

#: How deep lists and mappings may stand in each other; how long a key may be, which PyYAML takes up to 1024.
_DEPTH, _KEY_LENGTH = 40, 1000
#: Signs that PyYAML refuses, or takes for the end of a line.
_BEYOND = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_FIRST = r"(?:[^\s,\[\]{}:#&*!|>'\"%@`?=<-]|-(?=[^\s,\[\]{}:#-]))"
#: Up to a comment, or to the colon of a key; a `#` or a colon inside of a word is a part of it.
_PLAIN = re.compile(rf"(?:{_FIRST}|[?:](?=[^\s?:-]))" + r"(?:[^\s:#]|:(?=\S)|(?<=\S)#| +(?=[^\s#:]|:\S))*")
_FLOW_PLAIN = re.compile(_FIRST + r"(?:[^\s,\[\]{}:#?]|:(?=[^\s,\[\]{}?])|(?<=\S)#| +(?=[^\s,\[\]{}:#?]))*")
_QUOTED = re.compile(r"'(?P<single>(?:[^'\n]|'')*)'(?!')" + r'|"(?P<double>(?:[^"\\\n]|\\["\\/])*)"')
_ANCHOR, _ALIAS = (re.compile(f"[{sign}]" + r"([0-9A-Za-z_-]+)(?=[ \n,\]}]|\Z)") for sign in "&*")
_COLON, _DASH, _ANY_COLON = (re.compile(sign) for sign in (r" *:(?=[ \n]|\Z)", r"-(?=[ \n]|\Z)", r" *:"))
_OPENING, _COMMA, _BRACKET, _BRACE = (re.compile(sign) for sign in (r"[\[{]", ",", r"\]", r"\}"))
_BLANKS = re.compile(" *")
_LINE_END = re.compile(r" *(?:(?<=[ \n])#[^\n]*)?(?=\n|\Z)")
_NO_CONTENT = re.compile(r"(?: *(?:#[^\n]*)?(?:\n|\Z))*? *(?=[^ \n#]|\Z)")
_PASSAGE = re.compile(r"[|>][-+]?(?=[ \n]|\Z)")
_START = re.compile(r"((?: *(?:#[^\n]*)?\n)*)---(?=(?: +#[^\n]*| *)(?:\n|\Z))")

_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
_NULL = ("", "~", "null")
_HINT = "see what it says yourself, or write it more plainly"


@dataclass(frozen=True)
class Node:
    """A value that starts in `line`, counted from 1: the text of a scalar, the items of a sequence or the
    members of a mapping; none of them for a text of several lines. `is_plain`: a scalar without quotes."""

    line: int
    scalar: str | None = None
    items: tuple[Node, ...] | None = None
    members: tuple[tuple[str, Node], ...] | None = None
    is_plain: bool = True

    def get(self, *names: str) -> Node | None:
        """What stands under these keys, one in the other; the last one of a name counts."""
        node: Node | None = self
        for name in names:
            node = dict(node.members or ()).get(name) if node is not None else None
        return node

    @property
    def is_true(self) -> bool:
        """Whether it is a word for true, as netplan takes it, whatever the quotes."""
        return self.scalar is not None and self.scalar.lower() in (*_TRUE, "y")

    @property
    def switch(self) -> bool | None:
        """What PyYAML, and so cloud-init, makes of it: a switch, or none."""
        word = self.scalar if self.scalar is not None and self.is_plain else ""
        is_word = word in (word.lower(), word.capitalize(), word.upper())
        return None if not is_word or word.lower() not in _TRUE + _FALSE else word.lower() in _TRUE

    @property
    def is_null(self) -> bool:
        """Whether it is no value at all."""
        return self.is_plain and self.scalar in (*_NULL, "Null", "NULL")

    @property
    def texts(self) -> tuple[str, ...]:
        """The scalar, or those of a sequence, without those that are a word for nothing."""
        nodes = (self,) if self.items is None else self.items
        return tuple(each.scalar for each in nodes if each.scalar and each.scalar.lower() not in _NULL)


def parse(text: str) -> Node:
    """The document in `text`; an empty scalar where it holds nothing.

    Raises FormatError for what this reader does not know.
    """
    text = text.replace("\r\n", "\n")
    start = _START.match(text)
    if start is not None:
        text = f"{start[1]}   {text[start.end() :]}"
    strange = _BEYOND.search(text)
    if strange is not None:
        line = text.count("\n", 0, strange.start()) + 1
        raise FormatError(f"line {line}: the sign {strange[0]!r} is beyond what hvprep reads", _HINT)
    return _Reader(text).read()


class _Reader:
    """A text, how far it was read, and the values that were given a name in it (`&name`)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [match.start() for match in re.finditer("\n", text)]
        self.named: dict[str, Node] = {}

    def read(self) -> Node:
        self.skip()
        node = Node(1, scalar="") if self.is_done() else self.node(-1, 0)
        self.skip()
        if not self.is_done():
            raise self.error("this belongs to nothing before it")
        return node

    def error(self, what: str = "this is beyond what hvprep reads of YAML") -> FormatError:
        return FormatError(f"line {self.line}: {what}", _HINT)

    def is_done(self) -> bool:
        return self.at == len(self.text)

    @property
    def line(self) -> int:
        return bisect(self.ends, self.at - 1) + 1

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

    def node(self, indent: int, depth: int, after: str = "") -> Node:
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
        node = self.value(indent, depth, after if anchor is None else ":")
        if anchor is not None:
            self.named[anchor[1]] = node
        return node

    def value(self, indent: int, depth: int, after: str) -> Node:
        if after and self.take(_LINE_END):
            return self.below(indent, depth, after)
        self.take(_BLANKS)
        if self.sees(_PASSAGE):
            return self.passage(indent)
        if after != ":" and self.sees(_DASH):
            return self.sequence(self.column, depth)
        if after != ":" and self.is_at_key():
            return self.mapping(self.column, depth)
        node = self.inline(depth)
        self.end_line()
        end = self.at
        self.skip()
        if not self.is_done() and self.column > indent:
            raise self.error("this is further in than what it belongs to")
        self.at = end
        return node

    def below(self, indent: int, depth: int, after: str) -> Node:
        """In the next lines. The items of a key may stand as far out as the key."""
        line, end = self.line, self.at
        self.skip()
        is_in = self.column > indent or (after == ":" and self.column == indent and self.sees(_DASH))
        if is_in and not self.is_done():
            return self.node(indent, depth + 1)
        self.at = end
        return Node(line, scalar="")

    def end_line(self) -> None:
        if self.take(_LINE_END) is None:
            raise self.error()

    def sequence(self, indent: int, depth: int) -> Node:
        line, items = self.line, []
        while self.column == indent and self.take(_DASH):
            items.append(self.node(indent, depth + 1, after="-"))
            self.skip()
        return Node(line, items=tuple(items))

    def mapping(self, indent: int, depth: int) -> Node:
        line, members = self.line, []
        while self.column == indent and not self.is_done():
            key = self.key(_PLAIN)
            if not self.take(_COLON):
                raise self.error("this is no key with a value")
            members.append((key.scalar or "", self.node(indent, depth + 1, after=":")))
            self.skip()
        return Node(line, members=tuple(members))

    def is_at_key(self) -> bool:
        start, word = self.at, self.word(_PLAIN)
        is_key, self.at = word is not None and self.sees(_COLON), start
        return is_key

    def passage(self, indent: int) -> Node:
        """Lines that are further in, up to one that is not; all as far in as the first one, or further."""
        node = Node(self.line)
        self.take(_PASSAGE)
        self.end_line()
        inner = blank = 0
        while not self.is_done():
            start, self.at = self.at, self.text.find("\n", self.at + 1)
            self.at = len(self.text) if self.at < 0 else self.at
            line = self.text[start + 1 : self.at]
            margin = len(line) - len(line.lstrip(" "))
            if margin == len(line):
                blank = blank if inner else max(blank, margin)
            elif margin <= max(indent, 0):
                self.at = start
                break
            else:
                inner = inner or margin
                if margin < inner or blank > inner:
                    raise self.error("this text is further out than its first line")
        return node

    # What stands in one line, or in brackets.

    def word(self, plain: re.Pattern[str]) -> Node | None:
        line, quoted = self.line, self.take(_QUOTED)
        if quoted is not None:
            single, double = quoted["single"], quoted["double"]
            text = single.replace("''", "'") if single is not None else re.sub(r"\\(.)", r"\1", double)
            return Node(line, scalar=text, is_plain=False)
        match = self.take(plain)
        return None if match is None else Node(line, scalar=match[0])

    def key(self, plain: re.Pattern[str]) -> Node:
        word = self.word(plain)
        if word is None or len(word.scalar or "") > _KEY_LENGTH:
            raise self.error("this is no key with a value")
        return word

    def inline(self, depth: int, plain: re.Pattern[str] = _PLAIN) -> Node:
        if depth > _DEPTH:
            raise self.error("this is too deep")
        if self.text.startswith(("[", "{"), self.at):
            return self.flow(depth, is_mapping=self.text[self.at] == "{")
        alias = self.take(_ALIAS)
        node = self.named.get(alias[1]) if alias is not None else self.word(plain)
        if node is None:
            raise self.error()
        return node

    def flow(self, depth: int, is_mapping: bool) -> Node:
        line, bracket = self.line, _BRACE if is_mapping else _BRACKET
        members: list[tuple[str, Node]] = []
        is_first = True
        while self.goes_on(bracket, is_first):
            is_first = False
            key = self.key(_FLOW_PLAIN) if is_mapping else None
            if key is not None and not self.take(_COLON if key.is_plain else _ANY_COLON):
                raise self.error("here is no colon")
            self.skip()
            is_empty = key is not None and self.text.startswith((",", "}"), self.at)
            node = Node(self.line, scalar="") if is_empty else self.inline(depth + 1, _FLOW_PLAIN)
            members.append((key.scalar or "" if key is not None else "", node))
        if is_mapping:
            return Node(line, members=tuple(members))
        return Node(line, items=tuple(node for _, node in members))

    def goes_on(self, bracket: re.Pattern[str], is_first: bool) -> bool:
        """Past the opening bracket or a comma to the next item; or past the closing bracket."""
        self.skip()
        if not is_first and self.take(bracket):
            return False
        if not self.take(_OPENING if is_first else _COMMA):
            raise self.error("here is neither a comma nor the end of the bracket")
        self.skip()
        return not self.take(bracket)
