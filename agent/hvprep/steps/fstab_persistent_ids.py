"""fstab-persistent-ids: file systems are named by what is written on them, not by where they were found.

The second disk of a machine may be its first one after the next boot, and what was /dev/vda under KVM is
/dev/sda on Hyper-V.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.system_disk import find_system_disks
from hvprep.facts.udev import node_of, read_properties
from hvprep.formats import crypttab
from hvprep.formats.fstab import Entry, Fstab
from hvprep.formats.kernel_cmdline import last_value
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.every_boot import read_every_boot
from hvprep.steps.boot.mechanism import Boot
from hvprep.steps.swap.areas import FSTAB, read_fstab
from hvprep.steps.swap.tables import CRYPTTAB

#: Names by driver and order, and by the hardware, which is another one on Hyper-V. Those of the device mapper
#: and of md below by-id come from what is written on the disks.
_FLEETING = re.compile(
    r"/dev/(?:(?:sd|hd|vd|xvd)[a-z]+[0-9]*|nvme[0-9]+n[0-9]+(?:p[0-9]+)?"
    r"|disk/(?:by-path/|by-diskseq/|azure/scsi|by-id/(?!dm-|md-|lvm-)).*)"
)
_SEARCH = re.compile(r"^[ \t]*search[ \t].*--fs-uuid.*[ \t]([0-9A-Fa-f]+-[0-9A-Fa-f-]+)[ \t]*$", re.MULTILINE)
_NO_UUID = re.compile("^[ \t]*GRUB_DISABLE_UUID=[\"']?true", re.MULTILINE)
#: What fstab may name instead, and where udev has it.
_TAGS = (("UUID", "ID_FS_UUID"), ("PARTUUID", "ID_PART_ENTRY_UUID"))
_GRUB_CFG = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    boots = tuple(read_every_boot(view, facts)[0])
    yield from _plan_fstab(view, facts, boots)
    yield from _plan_crypttab(view, facts)
    for boot in boots:
        root = last_value(boot.words, "root") or ""
        if is_fleeting(root):
            yield Note(Verdict.UNMET, f'entry "{boot.title}" has root={root}', _root_remedy(view, boot))


def is_fleeting(name: str) -> bool:
    """Whether a device may have another name on the next boot, or on Hyper-V."""
    return _FLEETING.fullmatch(name) is not None


def _plan_fstab(view: View, facts: Facts, boots: tuple[Boot, ...]) -> Iterator[Outcome]:
    table = edited = read_fstab(view)
    whys = []
    for number in table.broken:
        yield Note(
            Verdict.UNMET,
            f"line {number} of {FSTAB} is no entry: {table.lines[number - 1].strip()}",
            "give it a device, a directory and a type, or make it a comment; then try: findmnt --verify",
        )
    for entry in table.entries:
        is_used = entry.is_automatic or "x-systemd.automount" in entry.options
        if not is_used or not is_fleeting(entry.spec):
            continue
        known = _known_id(view, facts, entry.spec) or _offline_id(view, table, boots, entry)
        where = f"line {entry.line} of {FSTAB}"
        if known is None:
            yield Note(
                Verdict.UNMET,
                f"{where} mounts {entry.spec} on {entry.mountpoint}",
                f"write UUID=... in its place: see blkid {entry.spec} on the running system",
            )
        else:
            edited = edited.with_spec(entry.line, known)
            whys.append(f"{where} names {known} instead of {entry.spec}")
    if edited != table:
        yield Write(FSTAB, edited.render().encode("utf-8", "surrogateescape"), "; ".join(whys))


def _plan_crypttab(view: View, facts: Facts) -> Iterator[Outcome]:
    content = view.read(CRYPTTAB) or b""
    table = edited = crypttab.parse(content.decode("utf-8", "surrogateescape"))
    whys = []
    for entry in table.entries:
        if not is_fleeting(entry.device):
            continue
        # A new key at each boot: what was written on it before tells nothing.
        tags = _TAGS[1:] if entry.makes_swap else _TAGS
        known, where = _known_id(view, facts, entry.device, tags), f"line {entry.line} of {CRYPTTAB}"
        if known is None:
            remedy = f"write UUID=... in its place: see blkid {entry.device} on the running system"
            yield Note(Verdict.UNMET, f"{where} opens {entry.device} as {entry.name}", remedy)
        else:
            edited = edited.with_device(entry.line, known)
            whys.append(f"{where} names {known} instead of {entry.device}")
    if edited != table:
        yield Write(CRYPTTAB, edited.render().encode("utf-8", "surrogateescape"), "; ".join(whys))


def _known_id(view: View, facts: Facts, name: str, tags: tuple[tuple[str, str], ...] = _TAGS) -> str | None:
    """What is written on that partition, as the running system's udev read it; only on the system's own disk:
    a temporary one is made anew."""
    node = node_of(view, name)
    disks = find_system_disks(facts.storage) if facts.storage is not None else ()
    numbers = [number for disk in disks for number, path in disk.nodes.items() if path == node]
    for number in numbers:
        properties = read_properties(view, number)
        for tag, key in tags:
            found = f"{tag}={properties.get(key, '')}"
            if properties.get(key) and node_of(view, found) == node:  # a clone may have the same
                return found
    return None


def _offline_id(view: View, table: Fstab, boots: tuple[Boot, ...], entry: Entry) -> str | None:
    """What the boot entries call the file systems of / and of /boot, where all of them agree."""
    roots = {last_value(boot.words, "root") or "" for boot in boots}
    root = next(iter(roots)) if len(roots) == 1 else ""
    if not root.startswith("UUID="):
        return None
    if entry.mountpoint == "/":
        return root
    found = {uuid for path in _GRUB_CFG for uuid in _SEARCH.findall(_text(view, GuestPath(path)))}
    other = found - {root[len("UUID=") :]}
    is_boot = table.entry_for("/boot") == entry
    return f"UUID={next(iter(found))}" if is_boot and len(found) == 1 and other == found else None


def _root_remedy(view: View, boot: Boot) -> str:
    defaults = _text(view, GuestPath("/etc/default/grub"))
    if str(boot.where) in _GRUB_CFG and _NO_UUID.search(defaults):
        return "take GRUB_DISABLE_UUID out of /etc/default/grub, and make grub.cfg anew on the running system"
    return f"write root=UUID=... in {boot.where}: see findmnt -no UUID / on the running system"


def _text(view: View, path: GuestPath) -> str:
    return (view.read(path) or b"").decode("utf-8", "surrogateescape")


FSTAB_PERSISTENT_IDS: Step[Facts, Settings] = Step(
    id="fstab-persistent-ids",
    title="file systems are named by their UUID or label, not by the order of the disks",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft, preparing for NVMe; LISA",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("B16",),
)
