"""Our own Python files as trees, for the lint floor."""

from __future__ import annotations

import ast
import functools
from pathlib import Path, PurePosixPath
from typing import Iterator, NamedTuple, Tuple

CHECKOUT = Path(__file__).parents[2]
AGENT = CHECKOUT / "agent" / "hvprep"
TESTS = CHECKOUT / "tests"


@functools.cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


class Source(NamedTuple):
    """One file. `path` is relative to agent/hvprep, or to tests."""

    path: PurePosixPath
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parse(self.text)

    @property
    def room(self) -> str:
        """The first name below agent/hvprep, "" for hvprep itself."""
        first = self.path.parts[0]
        return "" if first == "__init__.py" else first[:-3] if first.endswith(".py") else first


def sources(top: Path = AGENT) -> Iterator[Source]:
    """Every Python file below `top`."""
    for path in sorted(top.rglob("*.py")):
        yield Source(PurePosixPath(path.relative_to(top)), path.read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str:
    """`os.path.exists` for that expression; "" in front where it starts with something else than a name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def imported(source: Source) -> Iterator[Tuple[int, str]]:
    """(line, dotted name) of everything imported, wherever in the file; relative names made absolute."""
    package = ["hvprep", *source.path.parent.parts]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            # `from hvprep import system` imports a room; further down the names do not matter.
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
