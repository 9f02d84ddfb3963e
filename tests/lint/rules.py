"""What only one room may do, what nobody may do, and how big things may get (HACKING.md, Habits).

Each rule is a function: a source -> a line of text for every breach.
"""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath
from typing import Callable, Iterator

from tests.lint.sources import Source, dotted, imported

#: Modules that touch the machine.
SYSTEM_MODULES = frozenset(
    ["ctypes", "fcntl", "glob", "multiprocessing", "pty", "shutil", "socket", "subprocess", "tempfile"]
)
#: What the other rooms may take from os: words and numbers, nothing that looks at a file by its path.
HARMLESS = re.compile(
    r"os\.(get_terminal_size|environ(\..*)?|fsdecode|fsencode|fstat|get(e?[gu]id|pid)|linesep|sep|strerror|uname|PathLike|path"
    r"|path\.(basename|commonpath|dirname|isabs|join|normpath|relpath|split|splitext))"
)
#: Methods that only pathlib's paths have: View and Root have open, glob and resolve too, these are theirs.
PATH_METHODS = re.compile("hardlink_to|is_mount|iterdir|(read|write)_(bytes|text)|rglob|symlink_to|touch")
#: A process of its own that Runner starts; it has no other way to say why it could not start the program.
CHILD = PurePosixPath("system/chroot.py")
RENDER = PurePosixPath("cli/render.py")
LAZY = frozenset(("psutil", "pyasn1", "systemd"))
NAMES = re.compile("base|common|misc|(helper|manager|util)s?|utilit(y|ies)")
FILE_LINES, FUNCTION_LINES = 300, 40

Rule = Callable[[Source], Iterator[str]]


def only_system_touches_the_machine(source: Source) -> Iterator[str]:
    if source.room == "system":
        return
    for line, name in imported(source):
        if name.split(".")[0] in SYSTEM_MODULES or (name.startswith("os.") and not HARMLESS.fullmatch(name)):
            yield f"{source.path}:{line}: {name} stands only in system/"
    for node in ast.walk(source.tree):
        name = dotted(node)
        if name.startswith("os.") and not HARMLESS.fullmatch(name):
            yield f"{source.path}:{_line(node)}: {name} stands only in system/"
    for call in _calls(source.tree):
        name = dotted(call.func)
        if name in ("open", "io.open", "io.FileIO"):
            yield f"{source.path}:{call.lineno}: {name}() stands only in system/"
        elif isinstance(call.func, ast.Attribute) and PATH_METHODS.fullmatch(call.func.attr):
            yield f"{source.path}:{call.lineno}: .{call.func.attr}() stands only in system/"


def only_render_prints(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == "print" and source.path not in (RENDER, CHILD):
            yield f"{source.path}:{_line(node)}: print stands only in {RENDER}"
        elif dotted(node) in ("sys.stdout", "sys.__stdout__") and source.room != "cli":
            yield f"{source.path}:{_line(node)}: stdout is for results, and only cli has them"


def only_cli_exits(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if dotted(node) in ("sys.exit", "exit", "quit", "SystemExit") and source.room not in (
            "cli",
            "__main__",
        ):
            yield f"{source.path}:{_line(node)}: no exit below cli"
        elif dotted(node) == "os._exit" and source.room != "system":
            yield f"{source.path}:{_line(node)}: os._exit stands only in system/"


def nobody_starts_a_shell(source: Source) -> Iterator[str]:
    for call in _calls(source.tree):
        if dotted(call.func) in (
            "os.system",
            "os.popen",
            "subprocess.getoutput",
            "subprocess.getstatusoutput",
        ):
            yield f"{source.path}:{call.lineno}: there is no shell"
        for keyword in call.keywords:
            if keyword.arg == "shell" and not (
                isinstance(keyword.value, ast.Constant) and not keyword.value.value
            ):
                yield f"{source.path}:{call.lineno}: shell=True"


def dependencies_are_lazy(source: Source) -> Iterator[str]:
    inside = {
        node
        for function in ast.walk(source.tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(source.tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            if name.split(".")[0] in LAZY and node not in inside:
                yield f"{source.path}:{_line(node)}: {name} at the top: --version pays for it"


def names_say_something(source: Source) -> Iterator[str]:
    for part in source.path.with_suffix("").parts:
        if NAMES.fullmatch(part):
            yield f"{source.path}: {part!r} is no name for a module"


def files_are_small(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > FILE_LINES and not _says_why(source.tree):
        yield f"{source.path}: {lines} lines"


def functions_are_small(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES and not _says_why(node):
                yield f"{source.path}:{_line(node)}: {node.name} has {lines} lines"


def nothing_is_patched(source: Source) -> Iterator[str]:
    for line, name in imported(source):
        if name.split(".")[0] == "mock" or name.startswith(("unittest.mock", "pytest_mock")):
            yield f"{source.path}:{line}: the outside world is an argument, not a {name}"
    for node in ast.walk(source.tree):
        if dotted(node) in ("monkeypatch.setattr", "monkeypatch.setitem", "mocker.patch", "mock.patch"):
            yield f"{source.path}:{_line(node)}: the outside world is an argument, not a patch"


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _says_why(node: ast.AST) -> bool:
    """A sentence of the docstring that starts with "Longer than"."""
    assert isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef))
    return "Longer than" in (ast.get_docstring(node) or "")


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)
