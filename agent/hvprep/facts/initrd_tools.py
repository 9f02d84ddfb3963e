"""Which program makes this system's initrds, and how that is known.

Told by programs, by their configuration, and by what the kernel packages call: reference boot.md, section 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hvprep.facts.tools import find_program
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View


class Generator(str, Enum):
    """Programs that make an initrd."""

    INITRAMFS_TOOLS = "initramfs-tools"
    DRACUT = "dracut"
    MKINITCPIO = "mkinitcpio"
    MKINITFS = "mkinitfs"
    BOOSTER = "booster"
    SUSE_MKINITRD = "mkinitrd (SUSE)"
    NASH_MKINITRD = "mkinitrd (nash)"


@dataclass(frozen=True)
class InitrdTool:
    """A generator of this system. `version` is "" where it is not known."""

    generator: Generator
    program: GuestPath
    version: str
    because: str


@dataclass(frozen=True)
class _Signs:
    """What a generator is known by.

    beside  a path that is there too, because other programs have the same name
    says    words in its program, a script, for the same reason
    lacks   words that must not be in it: mkinitrd of EL 6 and 7 and of SLES 12 and 15 only calls dracut
    """

    generator: Generator
    program: str
    beside: str = "/"
    says: bytes = b""
    lacks: bytes = b"\0\0"


_SIGNS = (
    _Signs(Generator.INITRAMFS_TOOLS, "mkinitramfs"),
    _Signs(Generator.DRACUT, "dracut"),
    _Signs(Generator.MKINITCPIO, "mkinitcpio", beside="/etc/mkinitcpio.conf"),
    _Signs(Generator.MKINITFS, "mkinitfs", beside="/etc/mkinitfs/mkinitfs.conf"),
    _Signs(Generator.BOOSTER, "booster"),
    _Signs(Generator.SUSE_MKINITRD, "mkinitrd", beside="/lib/mkinitrd", lacks=b"dracut"),
    _Signs(Generator.NASH_MKINITRD, "mkinitrd", says=b"nash", lacks=b"dracut"),
)

#: What kernel packages call: directories of which an earlier one masks what has the same name in a later one.
#: The first line in which a generator stands decides: Arch's packages never call kernel-install, for which
#: dracut and mkinitcpio bring files all the same.
_HOOKS = (
    ("/etc/kernel/postinst.d",),  # run-parts(8), Debian
    ("/etc/pacman.d/hooks", "/usr/share/libalpm/hooks"),  # alpm-hooks(5)
    ("/etc/kernel-hooks.d", "/usr/share/kernel-hooks.d"),  # Alpine's kernel-hooks
    ("/etc/kernel/install.d", "/run/kernel/install.d", "/usr/lib/kernel/install.d", "/lib/kernel/install.d"),
)
_INSTALL_CONF = ("/etc/kernel/install.conf", "/run/kernel/install.conf", "/usr/lib/kernel/install.conf")


def probe_initrd_tools(view: View) -> tuple[InitrdTool, ...]:
    """The generator that the kernel packages call. Several where nothing tells which one that is."""
    found = tuple(_find_tools(view))
    called = {tool.generator: hook for tool, hook in _find_called(view, found)}
    if called:
        found = tuple(tool for tool in found if tool.generator in called)
    return tuple(
        InitrdTool(tool.generator, tool.program, tool.version, _because(tool, called.get(tool.generator)))
        for tool in found
    )


def _find_tools(view: View) -> Iterator[InitrdTool]:
    for signs in _SIGNS:
        program = find_program(view, signs.program)
        if program is None or view.node(view.resolve(GuestPath(signs.beside))) is None:
            continue
        text = b""
        if signs.program == "mkinitrd":
            text = view.read(program) or b""
        if signs.says in text and signs.lacks not in text:
            version = _dracut_version(view) if signs.generator is Generator.DRACUT else ""
            yield InitrdTool(signs.generator, program, version, "")


def _find_called(view: View, tools: tuple[InitrdTool, ...]) -> Iterator[tuple[InitrdTool, GuestPath]]:
    for directories in _HOOKS:
        hooks = list(_hooks(view, directories))
        called = [(tool, hook) for tool in tools for hook in hooks if tool.generator.value in hook.name]
        if called and "install.d" in directories[0]:
            chosen = _chosen_generator(view)
            called = [one for one in called if one[0].generator.value == chosen] or called
        if called:
            yield from called
            return


def _hooks(view: View, directories: tuple[str, ...]) -> Iterator[GuestPath]:
    """The hooks that count: not masked, and none that only removes. pacman's are no programs."""
    known = set()
    for directory in directories:
        for path in view.glob(f"{directory}/*"):
            if path.name in known:
                continue
            known.add(path.name)
            node = view.node(view.resolve(path))
            is_file = node is not None and node.kind is Kind.FILE and node.size > 0
            runs = node is not None and (node.mode & 0o111 or "libalpm" in directories[-1])
            if is_file and runs and "remove" not in path.name:
                yield path


def _chosen_generator(view: View) -> str:
    """`initrd_generator=` of kernel-install(8)."""
    for name in _INSTALL_CONF:
        content = view.read(GuestPath(name))
        if content is not None:
            match = re.search(rb"^\s*initrd_generator=[\"']?([\w-]+)", content, re.MULTILINE)
            return match[1].decode() if match else ""
    return ""


def _because(tool: InitrdTool, hook: GuestPath | None) -> str:
    words = [str(tool.program)]
    if tool.generator is Generator.DRACUT:
        words.append(f"version {tool.version or 'unknown'}")
    if hook is not None:
        words.append(f"called by {hook}")
    return ", ".join(words)


def _dracut_version(view: View) -> str:
    """From its version file; dracut before 024 has none."""
    for directory in ("/usr/lib/dracut", "/usr/share/dracut", "/lib/dracut"):
        text = view.read(GuestPath(directory) / "dracut-version.sh") or b""
        match = re.search(rb"DRACUT_VERSION=['\"]?([\w.~+-]+)", text)
        if match:
            return match[1].decode()
    return ""
