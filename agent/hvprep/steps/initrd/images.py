"""How a generator is asked for one new initrd."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.model.change import CANDIDATE, CANDIDATE_NAME, Build
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.initrd.maker import Order
from hvprep.steps.initrd.makers import MAKERS

_MIB = 1024 * 1024
#: A first image, or a generic one in place of a host-only one, is at most as large (boot.md, section 4).
_GENERIC_BYTES = 64 * _MIB
_UNPACKED_BYTES = 400 * _MIB


def new_image(
    view: View, order: Order, initrd: Initrd | None, wants: tuple[str, ...], timeout_s: int, why: str
) -> Build:
    """The Build of one initrd, in place of `initrd`; `wants` is what the judge has to find."""
    command = MAKERS[order.tool.generator].command(view, order)
    size, unpacked = _sizes(initrd, order.generic)
    return Build(
        target=order.target,
        argv=command.argv,
        judge="initrd",
        why=why,
        wants=wants,
        subject=order.kernel.version,
        copy=command.copy,
        scratch=command.scratch,
        size_bytes=size,
        scratch_bytes=unpacked + size,
        timeout_s=timeout_s,
    )


def first_path(tool: InitrdTool, kernel: Kernel, kernels: Sequence[Kernel]) -> GuestPath:
    """Where the first initrd of a kernel goes: named as those of the other kernels are, else as the generator
    does by itself."""
    for other in kernels:
        if (
            other.initrd is not None
            and other.name in other.initrd.name
            and other.image.parent == kernel.image.parent
        ):
            return other.initrd.parent / other.initrd.name.replace(other.name, kernel.name)
    name = "initrd" if kernel.image.name == "linux" else MAKERS[tool.generator].first_name.format(kernel.name)
    return kernel.image.parent / name


def _sizes(initrd: Initrd | None, generic: bool) -> tuple[int, int]:
    """(largest size of the new image, largest size of its unpacked files), in bytes."""
    if initrd is None or initrd.contents is None:
        return _GENERIC_BYTES, _UNPACKED_BYTES
    size = initrd.size_bytes + initrd.size_bytes // 4 + 8 * _MIB
    unpacked = initrd.contents.unpacked_bytes + initrd.contents.unpacked_bytes // 4
    if not generic:
        return size, unpacked
    return max(size, _GENERIC_BYTES), max(unpacked, _UNPACKED_BYTES)


def command_by_hand(build: Build, target: GuestPath) -> str:
    """The command of a Build for a person to type."""
    scratch = ("--tmpdir",)
    words = [word.replace(CANDIDATE, str(target)).replace(CANDIDATE_NAME, target.name) for word in build.argv]
    at = next((at for at, word in enumerate(words) if word in scratch), None)
    return shlex.join(words if at is None else [*words[:at], *words[at + 2 :]])
