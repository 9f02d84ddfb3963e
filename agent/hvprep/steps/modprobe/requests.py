"""How the system comes to a module: by its name, by the alias of a device, or by that of a mount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hvprep.formats.kernel_modules import Builtin, Loadable, ModuleIndex, normalise_alias


@dataclass(frozen=True)
class Request:
    """How one module is asked for.

    asked     the alias or the name, normalised
    module    the module that this stands for
    needs     the module, and all that it cannot be loaded without
    is_early  whether it is needed before the root file system is there
    """

    asked: str
    module: str
    needs: frozenset[str]
    is_alias: bool = True
    is_early: bool = False


def find_request(
    index: ModuleIndex, names: Sequence[str], by_device: bool, is_early: bool
) -> Request | Builtin | None:
    """How this kernel comes to a module, by the first of its names that it knows; None where it has none.

    `by_device`: a device asks for it by an alias, whatever name it is looked up by here.
    """
    for name in names:
        found = index.resolve(name)
        if isinstance(found, Builtin):
            return found
        if isinstance(found, Loadable):
            asked, needs = normalise_alias(name), index.closure((found.name,)).modules
            return Request(asked, found.name, needs, by_device or asked != found.name, is_early)
    return None


def names_of_file_system(name: str, module: str = "") -> tuple[str, ...]:
    """How a file system is asked for: by "fs-NAME" since Linux 3.9 (get_fs_type()), by its name before. What
    is built in may be known by its module alone."""
    return tuple(dict.fromkeys((f"fs-{name}", name, module or name)))
