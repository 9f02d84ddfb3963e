"""Which Python a script of the guest runs with, and what that can import. No program is run for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.facts.tools import find_program
from hvprep.model.node import GuestPath
from hvprep.model.view import View

_SHEBANG = re.compile(rb"#![ \t]*(\S+)(?:[ \t]+(\S+))?")
_VERSION = re.compile(r"python(\d+)\.(\d+)$")
#: Where each Python looks (site.py, Debian's patches to it), the first one first. {0} is "3.11", {1} is "3".
_DIRECTORIES = (
    "/usr/local/lib/python{0}/dist-packages",
    "/usr/local/lib/python{0}/site-packages",
    "/usr/local/lib64/python{0}/site-packages",
    "/usr/lib/python{1}/dist-packages",
    "/usr/lib/python{0}/dist-packages",
    "/usr/lib64/python{0}/site-packages",
    "/usr/lib/python{0}/site-packages",
)


@dataclass(frozen=True)
class Interpreter:
    """A Python and its version as two numbers."""

    path: GuestPath
    version: tuple[int, int]


def find_interpreter(view: View, script: GuestPath) -> Interpreter | None:
    """The Python that a script names in its first line; None where it is no script of Python, or its Python
    does not say its version by its name."""
    match = _SHEBANG.match((view.read(script) or b"")[:256])
    if match is None:
        return None
    program = match[1].decode("utf-8", "replace")
    if GuestPath(program).name == "env":
        found = find_program(view, (match[2] or b"").decode("utf-8", "replace"))
    else:
        found = GuestPath(program) if program.startswith("/") else None
    return None if found is None else interpreter_at(view, found)


def interpreter_at(view: View, path: GuestPath) -> Interpreter | None:
    """The Python at `path`, which is a link everywhere: `python3` to `python3.11` or `platform-python3.6`."""
    real = view.resolve(path)
    version = _VERSION.search(real.name)
    if version is None or view.node(real) is None:
        return None
    return Interpreter(path, (int(version[1]), int(version[2])))


def find_module(view: View, interpreter: Interpreter, name: str) -> GuestPath | None:
    """The file of a module or package, where that Python would find it among what is installed."""
    major, minor = interpreter.version
    for pattern in _DIRECTORIES:
        directory = GuestPath(pattern.format(f"{major}.{minor}", major))
        for path in (directory / name / "__init__.py", directory / f"{name}.py"):
            if view.node(view.resolve(path)) is not None:
                return path
    return None
