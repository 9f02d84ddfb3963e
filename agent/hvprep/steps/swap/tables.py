"""Swap in /etc/fstab, and what /etc/crypttab opens for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.facts.services import is_mask
from hvprep.formats import crypttab
from hvprep.formats.fstab import Entry, Fstab, encode_field
from hvprep.model.change import Write
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.steps.swap.areas import FSTAB, TAG, is_temporary, read_fstab

CRYPTTAB = GuestPath("/etc/crypttab")
_MAPPER = "/dev/mapper/"
#: systemd.generator(7): a name in /etc masks what is elsewhere.
_GENERATORS = (
    "/etc/systemd/system-generators",
    "/usr/local/lib/systemd/system-generators",
    "/usr/lib/systemd/system-generators",
    "/lib/systemd/system-generators",
)


def find_swap(table: Fstab, places: Sequence[GuestPath]) -> tuple[Entry, ...]:
    """The lines by which boot swaps to the system's disk; `places` are on the temporary one."""
    return tuple(
        entry
        for entry in table.entries
        if entry.type == "swap" and entry.is_automatic and not is_temporary(entry.spec, places)
    )


def plan_tables(view: View, places: Sequence[GuestPath]) -> Iterator[Write]:
    """Their lines become comments; so do those of crypttab that only make these swap areas."""
    table = read_fstab(view)
    found = find_swap(table, places)
    if not found:
        return
    edited = table.without(lambda entry: entry in found, TAG)
    if is_gpt_auto_at_work(view, edited):
        edited = edited.with_line(found[-1].line, no_auto_line(found[-1].spec))
    yield _write(FSTAB, edited.render(), f"boot no longer swaps to {_names(view, found)}")
    yield from _plan_crypttab(view, [entry.spec for entry in found])


def is_gpt_auto_at_work(view: View, table: Fstab) -> bool:
    """Whether systemd would swap to every partition of the GPT type for it that is on the disk of /.

    Its generator does so unless any line of fstab speaks of swap, be it noauto (systemd,
    src/gpt-auto-generator: "swap specified in fstab, ignoring"; run for real with 252 and 257).
    """
    if any(entry.type == "swap" for entry in table.entries):
        return False
    paths = (GuestPath(directory) / "systemd-gpt-auto-generator" for directory in _GENERATORS)
    first = next((path for path in paths if view.node(path) is not None), None)
    return first is not None and not is_mask(view, first)


def no_auto_line(spec: str) -> str:
    """The line of fstab that switches no swap on, and keeps systemd's generator from doing so."""
    return f"{encode_field(spec)} none swap noauto 0 0 # hvprep: else systemd-gpt-auto-generator(8) uses it"


def _plan_crypttab(view: View, specs: Sequence[str]) -> Iterator[Write]:
    content = view.read(CRYPTTAB)
    if content is None:
        return
    names = {spec[len(_MAPPER) :] for spec in specs if spec.startswith(_MAPPER)}
    table = crypttab.parse(content.decode("utf-8", "surrogateescape"))
    edited = table.without(lambda entry: entry.makes_swap and entry.name in names, TAG)
    if edited != table:
        yield _write(CRYPTTAB, edited.render(), "boot no longer makes the encrypted swap")


def _names(view: View, entries: Sequence[Entry]) -> str:
    return " and ".join(f"{entry.spec}{_remark(view, entry.spec)}" for entry in entries)


def _remark(view: View, spec: str) -> str:
    """What stays behind: a file may be as large as all the rest of the image, and dracut ends in an emergency
    shell where a volume is gone that the kernel's words name for it."""
    if spec.startswith(_MAPPER):
        return " (before you remove the volume, take its rd.lvm.lv= out of the kernel's words)"
    node = view.node(view.resolve(GuestPath(spec))) if spec.startswith("/") else None
    if node is None or node.kind is not Kind.FILE:
        return ""
    return f" (the file, {node.size >> 20} MiB, stays: remove it by hand)"


def _write(path: GuestPath, text: str, why: str) -> Write:
    return Write(path, text.encode("utf-8", "surrogateescape"), why)
