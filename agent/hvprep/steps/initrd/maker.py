"""What every generator of initrds can be asked: how it is configured, and how it makes one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.kernels import Kernel
from hvprep.model.finding import Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View


@dataclass(frozen=True)
class Order:
    """One image that a generator is asked for.

    modules  what it shall hold beside what they need: names that this kernel has as files
    generic  it must not look at the devices of the machine that it runs on, which is not the one that boots
    """

    tool: InitrdTool
    kernel: Kernel
    target: GuestPath
    modules: tuple[str, ...]
    generic: bool


@dataclass(frozen=True)
class Command:
    """How a generator is started: see the fields of the same name of a Build."""

    argv: tuple[str, ...]
    copy: tuple[tuple[GuestPath, str], ...] = ()
    scratch: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Swap:
    """What the system swaps to. `was`: to a disk that it is taken away from; `stays`: to a block device that
    is no such disk, as one partition of a temporary disk."""

    was: bool
    stays: bool


@dataclass(frozen=True)
class Maker:
    """A generator's way.

    first_name          of an initrd where the kernel has none; {} stands for the kernel's name
    plan_configuration  the change after which it puts the modules of these names into every initrd that it
                        makes from now on: (view, tool, kernels, names)
    command             what makes one image; the configuration is changed by then
    passes_over         whether a name that one of the kernels does not have does no harm
    looks_at_devices    whether, as configured, it chooses drivers by the devices of the machine it runs on
    plan_no_resume      the change after which no image that it makes waits for a device to resume from:
                        (view, tool, swap). The default is for those that go by the kernel's command line only
    """

    first_name: str
    plan_configuration: Callable[[View, InitrdTool, Sequence[Kernel], Sequence[str]], Iterator[Outcome]]
    command: Callable[[View, Order], Command]
    passes_over: bool
    looks_at_devices: Callable[[View], bool]
    plan_no_resume: Callable[[View, InitrdTool, Swap], Iterator[Outcome]] = lambda view, tool, swap: iter(())


def always(view: View) -> bool:
    """For `looks_at_devices`."""
    return True


def never(view: View) -> bool:
    """For `looks_at_devices`."""
    return False
