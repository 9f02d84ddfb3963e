"""XML without a document type: elements with attributes and text, and the lines that they stand in.

A document type is refused: it is where entities are defined, and those may grow without end or name other
files. Source: https://docs.python.org/3/library/pyexpat.html, https://docs.python.org/3/library/xml.html.

>>> zone = parse(b'<zone>\\n  <service name="ssh"/>\\n</zone>', "public.xml")
>>> zone.children[0].name, zone.children[0].get("name"), zone.children[0].place
('service', 'ssh', 'public.xml, line 2')
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from hvprep.errors import FormatError


@dataclass(frozen=True)
class Element:
    """An element; `text` is what stands in it outside of its children."""

    name: str
    attributes: Mapping[str, str]
    place: str
    text: str = ""
    children: tuple[Element, ...] = ()

    def get(self, name: str) -> str:
        """The attribute; empty where it has none of that name."""
        return self.attributes.get(name, "")

    def find(self, *names: str) -> tuple[Element, ...]:
        """The children of these names."""
        return tuple(child for child in self.children if child.name in names)

    def __str__(self) -> str:
        """Its tag."""
        return f"<{' '.join([self.name, *(f'{name}={value!r}' for name, value in self.attributes.items())])}>"


@dataclass
class _Open:
    """An element that is being read."""

    name: str
    attributes: Mapping[str, str]
    place: str
    text: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)


def parse(content: bytes, path: object) -> Element:
    """The element that holds all others. Raises FormatError where it is no such XML."""
    parser = expat.ParserCreate()
    stack = [_Open("", {}, str(path))]

    def place() -> str:
        return f"{path}, line {parser.CurrentLineNumber}"

    def refuse(*words: object) -> None:
        raise FormatError(f"{place()}: hvprep reads no document type", "take <!DOCTYPE ...> out of it")

    def start(name: str, attributes: dict[str, str]) -> None:
        stack.append(_Open(name, attributes, place()))

    def end(name: str) -> None:
        done = stack.pop()
        text = "".join(done.text)
        stack[-1].children.append(Element(done.name, done.attributes, done.place, text, tuple(done.children)))

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: stack[-1].text.append(text)
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise FormatError(f"{place()}: it is no XML: {error}", "see xmllint --noout") from error
    return stack[0].children[0]
