"""The entries of a grub.cfg that boot this system's own kernels, and what identifies each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hvprep.facts.kernel_images import kernel_images
from hvprep.formats.grub_cfg import GrubCfg, is_foreign
from hvprep.formats.grub_menuentries import Entry, LinuxLine
from hvprep.formats.kernel_cmdline import parameter_name, value_of
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.grub_variables import fill_in

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class OwnLine:
    """One `linux` line of one entry. `kernel` is the file name of the kernel image."""

    entry: Entry
    line: LinuxLine
    kernel: str

    @property
    def title(self) -> str:
        """The entry's name with the submenus around it, as GRUB_DEFAULT would write it."""
        return ">".join(self.entry.title)

    @property
    def identity(self) -> tuple[str, tuple[str, ...], frozenset[str]]:
        """What must not change when a grub.cfg is made anew: how the kernel is loaded and from where, root=.

        EL 7 loads with `linux16` by BIOS and with `linuxefi` by UEFI, and grub2-mkconfig goes by how its own
        machine was started.
        """
        roots = tuple(value_of(word) or "" for word in self.line.words if parameter_name(word) == "root")
        return f"{self.line.command} {self.line.kernel}", roots, frozenset(self.entry.search_uuids)


def own_kernels(view: View) -> tuple[str, ...]:
    """The file names of this system's kernels. EL's rescue kernel boots it too, with an initrd of its own."""
    found = (*kernel_images(view).values(), *view.glob("/boot/vmlinuz-0-rescue*"))
    return tuple(dict.fromkeys(path.name for path in found))


def is_there(view: View, kernel: str) -> bool:
    """Whether a path of GRUB's leads to a file. It begins at the root of a file system: of /, of /boot, or
    above the subvolume of btrfs that either is in."""
    relative = kernel.lstrip("/")
    paths = (f"/boot/{relative}", f"/{relative}", f"/boot/{kernel.rpartition('/')[2]}")
    return any(view.node(view.resolve(GuestPath(path))) is not None for path in paths)


def lost_lines(view: View, cfg: GrubCfg, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(title, kernel) of what grub-mkconfig or grubby once wrote for a kernel that is gone."""
    for entry in cfg.entries:
        kernels = [fill_in(line.kernel, variables) for line in entry.linux_lines]
        if (entry.section or "").endswith(("/10_linux", "/20_linux_xen")):
            yield from ((">".join(entry.title), path) for path in kernels if not is_there(view, path))


def own_lines(
    cfg: GrubCfg, kernels: Sequence[str], variables: Mapping[str, str] = _NOTHING
) -> Iterator[OwnLine]:
    """Every way in which `cfg` boots one of `kernels` (file names in /boot), submenus and recovery included.

    memtest, firmware and chainload entries load no such file; entries of os-prober load another system's.
    `variables` are GRUB's, where the path of a kernel may be made of some.
    """
    for entry in cfg.entries:
        if is_foreign(entry):
            continue
        for line in entry.linux_lines:
            name = fill_in(line.kernel, variables).rpartition("/")[2]
            if name in kernels:
                yield OwnLine(entry, line, name)
