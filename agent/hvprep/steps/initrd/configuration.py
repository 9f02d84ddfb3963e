"""The generators' own configuration, so that the next kernel's initrd has the drivers too.

What is written here belongs to the administrator: it stays when hvprep is removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.facts.kernels import Kernel
from hvprep.facts.initrd_tools import Generator, InitrdTool
from hvprep.formats import default_grub
from hvprep.formats.kernel_modules import Loadable
from hvprep.model.change import Write
from hvprep.model.finding import Outcome
from hvprep.model.node import GuestPath
from hvprep.model.view import View

MODULES_FILE = GuestPath("/etc/initramfs-tools/modules")
DRACUT_FILE = GuestPath("/etc/dracut.conf.d/90-hvprep.conf")

_HEADING = "# Drivers of Hyper-V and of the root file system, added by hvprep."


def plan_configuration(
    view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: Sequence[str]
) -> Iterator[Outcome]:
    """The change that makes the generator put `names` into every initrd it makes from now on."""
    if tool.generator is Generator.DRACUT:
        yield from _plan_dracut(view, loadable_modules(kernels, names, everywhere=True))
    else:
        yield from _plan_initramfs_tools(view, loadable_modules(kernels, names, everywhere=False))


def loadable_modules(kernels: Sequence[Kernel], names: Sequence[str], everywhere: bool) -> tuple[str, ...]:
    """The modules that every installed kernel (or any of them) has as a file, in the order of `names`.

    dracut 059 and 106 end with status 0 and drop every name after one that they do not find (boot.md,
    fact 1); a built-in name did the same on SLES 15. So its drop-in names only what every kernel has, and
    the command line of each image adds what that kernel has. initramfs-tools passes over unknown names.
    """
    indices = [kernel.modules for kernel in kernels if kernel.modules is not None]
    enough = all if everywhere else any
    found: dict[str, None] = {}
    for name in names:
        answers = [index.resolve(name) for index in indices]
        if answers and enough(isinstance(answer, Loadable) for answer in answers):
            found.update({answer.name: None for answer in answers if answer is not None})
    return tuple(found)


def looks_at_devices(view: View, tool: InitrdTool) -> bool:
    """Whether the generator, as configured, chooses drivers by the devices of the machine it runs on.

    dracut does in host-only mode, which distributions make the default; mkinitramfs does with MODULES=dep
    (initramfs.conf(5); conf.d is read after the main file, in the order of the names).
    """
    if tool.generator is Generator.DRACUT:
        return True
    directory = MODULES_FILE.parent
    files = [directory / "initramfs.conf", *view.glob(f"{directory}/conf.d/*")]
    texts = [(view.read(path) or b"").decode("utf-8", "surrogateescape") for path in files]
    value = default_grub.evaluate([default_grub.parse(text) for text in texts], ["MODULES"])["MODULES"]
    return value.text == "dep" or not value.certain


def _plan_initramfs_tools(view: View, modules: Sequence[str]) -> Iterator[Outcome]:
    """initramfs-tools(7): one module a line; the file has no drop-in directory in /etc."""
    content = view.read(MODULES_FILE) or b""
    text = content.decode("utf-8", "surrogateescape")
    listed = {line.split()[0].replace("-", "_") for line in text.splitlines() if line.split()}
    missing = [name for name in modules if name not in listed]
    if missing:
        glue = "" if text.endswith("\n") or not text else "\n"
        heading = "" if _HEADING in text else f"{_HEADING}\n"
        added = text + glue + heading + "".join(f"{name}\n" for name in missing)
        yield Write(
            MODULES_FILE,
            added.encode("utf-8", "surrogateescape"),
            "the initrds of later kernels get the drivers too",
        )


def _plan_dracut(view: View, modules: Sequence[str]) -> Iterator[Outcome]:
    """dracut.conf(5): blanks inside the quotes, or two such lines run together into one wrong name."""
    wanted = f'{_HEADING}\nadd_drivers+=" {" ".join(modules)} "\n'.encode()
    if modules and view.read(DRACUT_FILE) != wanted:
        yield Write(DRACUT_FILE, wanted, "the initrds of later kernels get the drivers too")
