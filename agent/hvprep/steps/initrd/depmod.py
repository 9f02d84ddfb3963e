"""modules.dep as it should be, and the depmod that makes it so.

A generator asks modules.dep: a driver that is not listed there it leaves out, mostly without a word (boot.md,
fact 1). So what a plan wants of an image is judged by the files, and depmod runs before the image is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hvprep.errors import FormatError
from hvprep.facts.kernels import Kernel
from hvprep.facts.tools import find_program
from hvprep.formats.kernel_modules import Loadable, ModuleIndex, parse_module_index
from hvprep.model.change import Run
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.steps.initrd.configuration import find_module, names_in

#: All that depmod writes: depmod.c of kmod 34, and of module-init-tools 3.16 for the maps.
_OUTPUTS = (
    *("dep", "dep.bin", "alias", "alias.bin", "symbols", "symbols.bin", "softdep", "weakdep", "devname"),
    *("builtin.bin", "builtin.alias.bin"),
    *("pcimap", "usbmap", "ccwmap", "ieee1394map", "isapnpmap", "inputmap", "ofmap", "seriomap"),
)
#: Where drivers of disks, networks and file systems are, and what comes beside the kernel's own.
_PLACES = (
    *("kernel/drivers/*", "kernel/drivers/*/*", "kernel/fs/*"),
    *(
        f"{top}{deep}"
        for top in ("updates", "extra", "weak-updates")
        for deep in ("", "/*", "/*/*", "/*/*/*")
    ),
)


@dataclass(frozen=True)
class Modules:
    """A kernel with its modules as the files have them.

    stale  why depmod has to run before an image is built; None where modules.dep is newer than the drivers
    wrong  whether modules.dep also misleads about a driver that is wanted
    """

    kernel: Kernel
    stale: str | None = None
    wrong: bool = False


def inspect_modules(view: View, kernel: Kernel, names: Sequence[str]) -> Modules:
    """Look at the files of the modules `names` and of what they need."""
    try:
        return _inspect(view, kernel, names)
    except FormatError as error:
        return _inspect(view, replace(kernel, modules=None, problem=error.sentence), names)


def _inspect(view: View, kernel: Kernel, names: Sequence[str]) -> Modules:
    listing = kernel.directory / "modules.dep"
    index = kernel.modules or parse_module_index(b"", view.read(kernel.directory / "modules.builtin") or b"")
    closure = index.closure(names_in(index, names))
    gone = [name for name in sorted(closure.modules) if not _is_file(view, kernel, index.path_of(name))]
    absent = [name for name in names if find_module(index, name) is None]
    found = {
        name: _search(view, kernel, name)
        for name in [*gone, *(name[3:] if name[:3] == "fs-" else name for name in absent)]
    }
    paths = [path for path in found.values() if path is not None]
    if not gone and not paths:
        return Modules(kernel, _age(view, listing, index, closure.modules))
    true = replace(kernel, modules=index.with_files(paths, gone))
    if kernel.modules is None:
        return Modules(true, kernel.problem, True)
    if gone:
        return Modules(true, f"{listing} names {index.path_of(gone[0])}, which is not there", True)
    return Modules(true, f"{listing} does not name {paths[0]}", True)


def plan_depmod(view: View, modules: Modules, runs_here: bool) -> Iterator[Outcome]:
    """The Run that makes modules.dep anew."""
    if modules.stale is None:
        return
    version, directory = modules.kernel.version, modules.kernel.directory
    depmod = find_program(view, "depmod")
    if depmod is None or not runs_here:
        yield Note(Verdict.UNMET, modules.stale, f"run inside that machine: depmod -a {version}")
        return
    writes = tuple(directory / f"modules.{name}" for name in _OUTPUTS)
    yield Run((str(depmod), "-a", version), writes, modules.stale)


def _is_file(view: View, kernel: Kernel, path: str | None) -> bool:
    node = view.node(view.resolve(kernel.directory / path)) if path is not None else None
    return node is not None and node.kind is Kind.FILE


def _search(view: View, kernel: Kernel, name: str) -> str | None:
    """The path of a module's file, relative to the directory, wherever it is."""
    pattern = f"{name.replace('_', '?').replace('-', '?')}.ko*"
    for place in _PLACES:
        for path in view.glob(f"{kernel.directory}/{place}/{pattern}"):
            relative = str(path.relative_to(kernel.directory))
            if _is_file(view, kernel, relative):
                return relative
    return None


def _age(
    view: View, listing: GuestPath, index: ModuleIndex, names: Sequence[str] | frozenset[str]
) -> str | None:
    """Why modules.dep is too old for these modules."""
    node = view.node(view.resolve(listing))
    for name in sorted(names):
        found = index.resolve(name)
        module = view.node(view.resolve(listing.parent / found.path)) if isinstance(found, Loadable) else None
        if node is not None and module is not None and module.mtime_ns > node.mtime_ns:
            return f"{listing} is older than the module {name}"
    return None
