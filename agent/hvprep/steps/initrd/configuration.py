"""What the configurations of the generators have in common.

What is written there makes that the next kernel's initrd has the drivers too. It belongs to the
administrator: it stays when hvprep is removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hvprep.facts.kernels import Kernel
from hvprep.formats import default_grub
from hvprep.formats.kernel_modules import Loadable, ModuleIndex, Resolution
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View

HEADING = "# Drivers of Hyper-V and of the root file system, added by hvprep."


def read_text(view: View, path: GuestPath) -> str:
    """A configuration file, "" where there is none; `plan_text` gives back every byte of it."""
    return (view.read(path) or b"").decode("utf-8", "surrogateescape")


def plan_text(
    view: View, path: GuestPath, text: str, why: str = "the initrds of later kernels get the drivers too"
) -> Iterator[Write]:
    """The Write of what is to stand there, if it does not yet."""
    content = text.encode("utf-8", "surrogateescape")
    if view.read(path) != content:
        yield Write(path, content, why)


def find_module(index: ModuleIndex, name: str) -> Resolution | None:
    """What a name stands for. `fs-TYPE`, the alias of a file system, is there since Linux 3.9; before, the
    module is found by its name."""
    found = index.resolve(name)
    return index.resolve(name[3:]) if found is None and name.startswith("fs-") else found


def names_in(index: ModuleIndex, names: Sequence[str]) -> tuple[str, ...]:
    """`names` as this kernel knows them: see `find_module`."""
    return tuple(
        name[3:] if name.startswith("fs-") and index.resolve(name) is None else name for name in names
    )


def loadable_modules(kernels: Sequence[Kernel], names: Sequence[str], everywhere: bool) -> tuple[str, ...]:
    """The modules that every installed kernel (or any of them) has as a file, in the order of `names`.

    dracut 059 and 106 end with status 0 and drop every name after one that they do not find (boot.md,
    fact 1); a built-in name did the same on SLES 15. So their configuration names only what every kernel has,
    and the command line of each image adds what that kernel has. initramfs-tools passes over unknown names.
    """
    indices = [kernel.modules for kernel in kernels if kernel.modules is not None]
    enough = all if everywhere else any
    found: dict[str, None] = {}
    for name in names:
        answers = [find_module(index, name) for index in indices]
        if answers and enough(isinstance(answer, Loadable) for answer in answers):
            found.update({answer.name: None for answer in answers if answer is not None})
    return tuple(found)


def left_out(kernels: Sequence[Kernel], names: Sequence[str]) -> tuple[str, ...]:
    """What `loadable_modules` leaves out because not every kernel has it, in words."""
    everywhere = loadable_modules(kernels, names, everywhere=True)
    return tuple(
        f"{name}, which kernel {kernel.name} has not as a module"
        for name in loadable_modules(kernels, names, everywhere=False)
        if name not in everywhere
        for kernel in kernels
        if kernel.modules is not None and not isinstance(kernel.modules.resolve(name), Loadable)
    )


def appended(text: str, *lines: str) -> str:
    """`text` with these lines at its end, below our heading."""
    return with_lines(text, *(() if HEADING in text else (HEADING,)), *lines)


def with_lines(text: str, *lines: str) -> str:
    """`text` with these lines at its end."""
    glue = "" if text.endswith("\n") or not text else "\n"
    return text + glue + "".join(f"{line}\n" for line in lines)


def add_to_list(text: str, name: str, words: Sequence[str]) -> str:
    """Settings that sh sources, with `words` in the list that the variable holds: `NAME="a b"`.

    In place where one plain assignment says it all, as other tools expect; else with a line more.

    >>> add_to_list('features="ata base" # mine\\n', "features", ["base", "hyperv"])
    'features="ata base hyperv" # mine\\n'
    """
    parsed = default_grub.parse(text)
    held = {word.replace("-", "_") for word in default_grub.evaluate([parsed], [name])[name].words}
    missing = [word for word in words if word.replace("-", "_") not in held]
    if not missing:
        return text
    plain = re.compile(
        rf"""^{name}=(?:(["'])([^"'$`\\]*)\1|([^\s"'$`\\#;&|()<>]*))(?=[ \t]|$)""", re.MULTILINE
    )
    found = list(plain.finditer(text))
    if len(found) != 1 or len(parsed.assignments(name)) != 1 or parsed.assignments(name)[0].conditional:
        return parsed.append_assignment(name, missing).render()
    (match,) = found
    old = (match[2] or match[3] or "").split()
    return f'{text[: match.start()]}{name}="{" ".join([*old, *missing])}"{text[match.end() :]}'
