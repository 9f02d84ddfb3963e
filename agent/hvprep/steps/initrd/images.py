"""How each generator is asked for one new initrd."""

from __future__ import annotations

from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.facts.initrd_tools import Generator, InitrdTool
from hvprep.model.change import CANDIDATE, SCRATCH, Build
from hvprep.model.node import GuestPath
from hvprep.steps.initrd.configuration import loadable_modules

_MIB = 1024 * 1024
#: A first image, or a generic one in place of a host-only one, is at most as large (boot.md, section 4).
_GENERIC_BYTES = 64 * _MIB
_UNPACKED_BYTES = 400 * _MIB

_DEFAULT_NAMES = {
    Generator.INITRAMFS_TOOLS: "/boot/initrd.img-{}",
    Generator.DRACUT: "/boot/initramfs-{}.img",
}


def new_image(
    tool: InitrdTool,
    kernel: Kernel,
    initrd: Initrd | None,
    names: tuple[str, ...],
    wants: tuple[str, ...],
    generic: bool,
    timeout_s: int,
    why: str,
) -> Build:
    """The Build that makes `kernel`'s initrd: `names` is what the generator is asked for, `wants` what the
    judge has to find (their dependencies too). `generic`: the generator must not look at the devices of the
    machine that it runs on, which is not the one that will boot."""
    target = (
        initrd.path
        if initrd is not None
        else GuestPath(_DEFAULT_NAMES[tool.generator].format(kernel.version))
    )
    if tool.generator is Generator.INITRAMFS_TOOLS:
        build = _mkinitramfs(target, tool, kernel.version, generic)
    else:
        build = _dracut(
            target, tool, kernel.version, generic, loadable_modules([kernel], names, everywhere=True)
        )
    size, unpacked = _sizes(initrd, generic)
    return Build(
        target=target,
        argv=build.argv,
        judge="initrd",
        why=why,
        wants=wants,
        subject=kernel.version,
        copy=build.copy,
        scratch=build.scratch,
        size_bytes=size,
        scratch_bytes=unpacked + size,
        timeout_s=timeout_s,
    )


def _mkinitramfs(target: GuestPath, tool: InitrdTool, version: str, generic: bool) -> Build:
    """Not update-initramfs: with update_initramfs=no it makes nothing, with exit status 0.

    Offline, MODULES=dep asks for the devices of the machine it runs on, which is the builder: a copy of
    the configuration in which it says most is handed over (mkinitramfs(8), -d). The system's own stays.
    """
    program = str(tool.program)
    if not generic:
        return Build(target, (program, "-o", CANDIDATE, version), "", "")
    return Build(
        target,
        (program, "-d", f"{SCRATCH}/conf", "-o", CANDIDATE, version),
        "",
        "",
        copy=((GuestPath("/etc/initramfs-tools"), "conf"),),
        scratch=(("conf/conf.d/zzz-hvprep-offline", 'test "$MODULES" != dep || MODULES=most\n'),),
    )


def _dracut(
    target: GuestPath, tool: InitrdTool, version: str, generic: bool, modules: tuple[str, ...]
) -> Build:
    """Offline, host-only would look at the builder's devices and write the builder's root= into the image.

    Live, the system's own configuration says whether the image is host-only.
    """
    every = ("--no-hostonly", "--no-hostonly-cmdline") if generic else ()
    drivers = ("--add-drivers", " ".join(modules)) if modules else ()
    argv = (str(tool.program), "--force", *every, *drivers, "--tmpdir", SCRATCH, CANDIDATE, version)
    return Build(target, argv, "", "")


def _sizes(initrd: Initrd | None, generic: bool) -> tuple[int, int]:
    """(largest size of the new image, largest size of its unpacked files), in bytes."""
    if initrd is None or initrd.contents is None:
        return _GENERIC_BYTES, _UNPACKED_BYTES
    size = initrd.size_bytes + initrd.size_bytes // 4 + 8 * _MIB
    unpacked = initrd.contents.unpacked_bytes + initrd.contents.unpacked_bytes // 4
    if not generic:
        return size, unpacked
    return max(size, _GENERIC_BYTES), max(unpacked, _UNPACKED_BYTES)
