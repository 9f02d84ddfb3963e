"""The plain part of YAML, in which people and installers write the files of netplan and cloud-init.

Read are mappings, sequences and scalars, in block and flow style, with the lines that they start in. What is
beyond that (anchors, aliases, tags, several documents, scalars that go on in the next line) is refused, never
guessed. Source: YAML 1.1, which PyYAML and libyaml read (the chroot floor compares).

>>> node = parse("network:\\n  ethernets:\\n    eth0: {dhcp4: true, addresses: [10.0.0.4/24]}\\n")
>>> node.get("network", "ethernets", "eth0", "dhcp4").scalar
'true'
>>> node.get("network", "ethernets", "eth0", "addresses").texts
('10.0.0.4/24',)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.errors import FormatError

_DEPTH = 40
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]|^ *\t", re.MULTILINE)
_DASH = re.compile("-( +|$)")
#: A plain scalar: its first sign, then what neither ends it nor is a comment. In flow style brackets end it.
_START = r"(?:[^\s\-?:,\[\]{}#&*!|>'\"%@`]|-(?=[^\s,\[\]{}]))"
_PLAIN = re.compile(rf"(?:{_START}|[?:](?=\S))(?:[^\s:#]|:(?=\S)|(?<=\S)#|[ \t]+(?=[^\s#:]|:\S))*")
_PLAIN_IN_FLOW = re.compile(
    _START + r"(?:[^\s:#,\[\]{}]|:(?=[^\s,\[\]{}])|(?<=\S)#|[ \t]+(?=[^\s#:,\[\]{}]|:[^\s,\[\]{}]))*"
)
_QUOTED = re.compile(r"'(?P<single>(?:[^']|'')*)'|\"(?P<double>(?:[^\"\\]|\\[\"\\/])*)\"")
_TEXT_BLOCK = re.compile(r"[|>][+-]?")
_TRUE, _NULL = ("true", "yes", "on", "y"), ("", "~", "null")


@dataclass(frozen=True)
class Node:
    """A value that starts in `line`, counted from 1. One of the others is not None: the text of a scalar, the
    items of a sequence, or the members of a mapping."""

    line: int
    scalar: str | None = None
    items: tuple[Node, ...] | None = None
    members: tuple[tuple[str, Node], ...] | None = None

    def get(self, *names: str) -> Node | None:
        """What stands under these keys, one in the other; the last one of a name counts."""
        node: Node | None = self
        for name in names:
            node = dict(node.members or ()).get(name) if node is not None else None
        return node

    @property
    def is_true(self) -> bool:
        """Whether it is a word for true."""
        return self.scalar is not None and self.scalar.lower() in _TRUE

    @property
    def texts(self) -> tuple[str, ...]:
        """The scalar, or those of a sequence, without those that are a word for nothing."""
        nodes = (self,) if self.items is None else self.items
        return tuple(each.scalar for each in nodes if each.scalar and each.scalar.lower() not in _NULL)


@dataclass(frozen=True)
class _Line:
    number: int
    indent: int
    text: str

    @property
    def dash(self) -> re.Match[str] | None:
        return _DASH.match(self.text)


class _Unfinished(Exception):
    """A bracket is open at the end of a line."""


def parse(text: str) -> Node:
    """The document in `text`. Raises FormatError where it is not plain."""
    text = text.replace("\r\n", "\n")
    odd = _FORBIDDEN.search(text)
    if odd is not None:
        raise _refuse(text.count("\n", 0, odd.end()) + 1, "a tab or another sign that does not belong there")
    numbered = enumerate(text.split("\n"), 1)
    return _Reader(
        [_Line(n, len(raw) - len(raw.lstrip(" ")), raw.strip(" \t")) for n, raw in numbered]
    ).read()


def _refuse(number: int, what: str) -> FormatError:
    return FormatError(f"line {number}: {what}", "write it as plain mappings and lists")


class _Reader:
    """The lines of a document, and the place up to which they were read."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines, self._at = lines, 0

    def read(self) -> Node:
        line = self._next()
        if line is not None and re.fullmatch("---( +#.*)?", line.text) and line.indent == 0:
            self._at += 1
            line = self._next()
        node = Node(1, scalar="") if line is None else self._block(line, 0)
        rest = self._next()
        if rest is not None:
            raise _refuse(rest.number, f"{rest.text[:40]!r} does not belong there")
        return node

    def _next(self) -> _Line | None:
        """The next line that is neither empty nor a comment."""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.text and not line.text.startswith("#"):
                return line
            self._at += 1
        return None

    def _block(self, line: _Line, depth: int) -> Node:
        if depth > _DEPTH:
            raise _refuse(line.number, "it is nested too deeply")
        if line.dash:
            return self._sequence(line, depth)
        if _split_key(line) is not None:
            return self._mapping(line, depth)
        self._at += 1
        return self._value(line, line.text)

    def _sequence(self, first: _Line, depth: int) -> Node:
        items, line = [], self._next()
        while line is not None and line.indent == first.indent and line.dash:
            rest = line.text[line.dash.end() :]
            if rest and not rest.startswith("#"):
                # What follows the dash stands as if the dash were a blank.
                inner = _Line(line.number, line.indent + line.dash.end(), rest)
                self._lines[self._at] = inner
                items.append(self._block(inner, depth + 1))
            else:
                self._at += 1
                items.append(self._below(line, line.indent, depth))
            line = self._next()
        return Node(first.number, items=tuple(items))

    def _mapping(self, first: _Line, depth: int) -> Node:
        members, line = [], self._next()
        while line is not None and line.indent == first.indent:
            parted = _split_key(line)
            if parted is None:
                break
            key, rest = parted
            self._at += 1
            following = self._next()
            if rest and not rest.startswith("#"):
                node = self._value(line, rest)
            elif following is not None and following.dash and following.indent == line.indent:
                node = self._block(following, depth + 1)  # a sequence may stand as far left as its key
            else:
                node = self._below(line, line.indent, depth)
            members.append((key, node))
            line = self._next()
        return Node(first.number, members=tuple(members))

    def _below(self, line: _Line, indent: int, depth: int) -> Node:
        """The value in the lines that follow and stand further to the right; else nothing."""
        following = self._next()
        if following is None or following.indent <= indent:
            return Node(line.number, scalar="")
        return self._block(following, depth + 1)

    def _value(self, line: _Line, text: str) -> Node:
        """A value that starts in a line. A line that went on with it would stand where none may."""
        if _TEXT_BLOCK.fullmatch(text):
            return self._text_block(line)
        try:
            node, rest = _flow(text, line.number, 0) if text[0] in "[{" else _scalar(text, line.number)
        except _Unfinished:
            if self._at == len(self._lines):
                raise _refuse(line.number, "a bracket does not end") from None
            self._at += 1
            return self._value(line, f"{text}\n{self._lines[self._at - 1].text}")
        if not re.fullmatch(r"\s*(\s#.*)?", rest):
            raise _refuse(line.number, f"{rest[:40]!r} does not belong there")
        return node

    def _text_block(self, line: _Line) -> Node:
        """The lines of | and >, which nobody asks for: not as YAML would fold them."""
        start = self._at
        while self._at < len(self._lines) and (
            not self._lines[self._at].text or self._lines[self._at].indent > line.indent
        ):
            self._at += 1
        return Node(line.number, scalar="\n".join(each.text for each in self._lines[start : self._at]))


def _split_key(line: _Line) -> tuple[str, str] | None:
    """The key that the line starts with, and what stands after its colon; None where it has none."""
    match = _QUOTED.match(line.text) or _PLAIN.match(line.text)
    if match is None:
        return None
    colon = re.match(r"[ \t]*:(?=\s|$)[ \t]*", line.text[match.end() :])
    return (_text(match), line.text[match.end() + colon.end() :]) if colon is not None else None


def _scalar(text: str, number: int, pattern: re.Pattern[str] = _PLAIN) -> tuple[Node, str]:
    """A scalar, and what follows it."""
    match = _QUOTED.match(text) or pattern.match(text)
    if match is None:
        raise _refuse(number, f"{text[:40]!r} is not plain")
    return Node(number, scalar=_text(match)), text[match.end() :]


def _text(match: re.Match[str]) -> str:
    if match.re is not _QUOTED:
        return match[0]
    if match["single"] is not None:
        return match["single"].replace("''", "'")
    return re.sub(r"\\(.)", r"\1", match["double"])


def _flow(text: str, number: int, depth: int) -> tuple[Node, str]:
    """A value in flow style, and what follows it. Raises _Unfinished where the text ends before it does."""
    text = _skip(text)
    if depth > _DEPTH:
        raise _refuse(number, "it is nested too deeply")
    if text[0] not in "[{":
        return _scalar(text, number, _PLAIN_IN_FLOW)
    end, text = "]" if text[0] == "[" else "}", _skip(text[1:])
    items: list[Node] = []
    members: list[tuple[str, Node]] = []
    while text[0] != end:
        node, text = _flow(text, number, depth + 1)
        text = _skip(text)
        if end == "}":
            if node.scalar is None or text[0] != ":":
                raise _refuse(number, f"{text[:40]!r} where a colon belongs")
            value, text = _flow(text[1:], number, depth + 1)
            members.append((node.scalar, value))
            text = _skip(text)
        else:
            items.append(node)
        if text[0] == ",":
            text = _skip(text[1:])
        elif text[0] != end:
            raise _refuse(number, f"{text[:40]!r} where a comma belongs")
    if end == "]":
        return Node(number, items=tuple(items)), text[1:]
    return Node(number, members=tuple(members)), text[1:]


def _skip(text: str) -> str:
    """Without the blanks and comments that it starts with. Raises _Unfinished where nothing is left."""
    rest = re.sub(r"\A(?:\s+|(?<=\s)#.*)*", "", text)
    if not rest:
        raise _Unfinished
    return rest
