"""standard-partitions: the root file system is on a plain partition, not on LVM, RAID or LUKS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hvprep.facts.block_devices import BlockDevice, Storage
from hvprep.facts.gather import Facts
from hvprep.facts.storage_use import find_use
from hvprep.facts.system_disk import find_system_disks, holds_root
from hvprep.formats import crypttab
from hvprep.formats.kernel_cmdline import last_value, parameter_name, value_of
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.every_boot import read_every_boot
from hvprep.steps.swap.areas import read_fstab
from hvprep.steps.swap.tables import CRYPTTAB

_MDADM = (GuestPath("/etc/mdadm/mdadm.conf"), GuestPath("/etc/mdadm.conf"))
_ARRAY = re.compile(r"^[ \t]*ARRAY[ \t]", re.MULTILINE | re.IGNORECASE)
#: What dracut is told to assemble in the initrd: dracut.cmdline(7), and that of 004.
_WORDS = {
    **dict.fromkeys(("rd.lvm.lv", "rd.lvm.vg", "rd_LVM_LV", "rd_LVM_VG"), "LVM"),
    **dict.fromkeys(("rd.md.uuid", "rd_MD_UUID"), "RAID"),
    **dict.fromkeys(("rd.luks.uuid", "rd.luks.name", "rd_LUKS_UUID", "cryptdevice"), "LUKS"),
}
#: How the device mapper's users begin a UUID (sysfs, dm/uuid).
_MAPPER = (("LVM-", "LVM"), ("CRYPT-", "LUKS"), ("mpath-", "multipath"))
#: LVM's /dev/GROUP/VOLUME; these directories of /dev hold disks of controllers.
_VOLUME = re.compile("/dev/(?!(?:block|cciss|ida|rd|zvol)/)[^/]+/[^/]+")


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    storage = facts.storage
    is_seen = storage is not None and bool(find_system_disks(storage))
    below = _find_below(storage) if storage is not None else ()
    if below:
        kinds = " on ".join(_kind_of(view, device) for device in reversed(below))
        yield _unmet(kinds, f"{', '.join(device.name for device in below)} below it")
    else:
        yield _judge_names(view, facts, is_seen)


def _unmet(kind: str, because: str) -> Note:
    return Note(
        Verdict.UNMET,
        f"/ is on {kind}: {because}",
        "put / on a plain partition when the image is made the next time: such a disk can hardly be repaired"
        " from another machine, where its names collide with that one's own",
    )


def _find_below(storage: Storage) -> tuple[BlockDevice, ...]:
    """The devices that stand on others and that / is on, the lowest first."""
    disks = find_system_disks(storage)
    names = [name for disk in disks for name in find_use(storage, disk).stacked]
    known = {device.name: device for device in storage.devices}
    found = [known[name] for name in dict.fromkeys(names) if name in known]
    return tuple(device for device in found if holds_root(storage, device))


def _kind_of(view: View, device: BlockDevice) -> str:
    if device.name.startswith("md"):
        return "RAID"
    uuid = (view.read(device.sysfs / "dm/uuid") or b"").decode("utf-8", "replace")
    return next((kind for start, kind in _MAPPER if uuid.startswith(start)), f"{device.name}, no partition")


def _judge_names(view: View, facts: Facts, is_seen: bool) -> Note:
    """By the names of / in fstab and on the kernel line. `is_seen`: /sys shows no layers below it."""
    boots = read_every_boot(view, facts)[0]
    root = read_fstab(view).entry_for("/")
    names = {
        **({root.spec: f"line {root.line} of /etc/fstab"} if root is not None else {}),
        **{name: f'entry "{boot.title}"' for boot in boots if (name := last_value(boot.words, "root"))},
    }
    if not names:
        return Note(Verdict.NOT_ASSESSED, "neither /etc/fstab nor a boot entry names the device of /")
    for name, where in names.items():
        if kind := _kind_by_name(view, name):
            return _unmet(kind, f"{where} names {name}")
    if is_seen or any(name.startswith(("PARTUUID=", "PARTLABEL=")) for name in names):
        return Note(Verdict.MET, f"/ is on a partition: {', '.join(names)}")
    if sign := _sign(word for boot in boots for word in boot.words):
        return _unmet(*sign)
    array = next((path for path in _MDADM if _ARRAY.search(_text(view, path))), None)
    if array is not None:
        return Note(
            Verdict.NOT_ASSESSED,
            f"/ is {', '.join(names)}, which may be on an array: there is one in {array}",
            "check the running system",
        )
    return Note(Verdict.MET, f"/ is {', '.join(names)}, and nothing speaks of LVM, RAID or LUKS for it")


def _kind_by_name(view: View, name: str) -> str | None:
    if name.startswith("/dev/md") or "/by-id/md-" in name:
        return "RAID"
    if name.startswith("/dev/mapper/"):
        own = name.rpartition("/")[2]
        opened = {entry.name for entry in crypttab.parse(_text(view, CRYPTTAB)).entries}
        return "LUKS" if own.startswith("luks-") or own in opened else "LVM"
    return "LVM" if _VOLUME.fullmatch(name) or "/by-id/dm-name-" in name else None


def _sign(words: Iterable[str]) -> tuple[str, str] | None:
    """What an initrd is told to assemble; volumes for swap are EL's second one."""
    for word in words:
        kind = next((kind for name, kind in _WORDS.items() if parameter_name(word) == name), None)
        if kind is not None and not (value_of(word) or "").endswith("swap"):
            return kind, f"the kernel's command line says {word}"
    return None


def _text(view: View, path: GuestPath) -> str:
    return (view.read(path) or b"").decode("utf-8", "surrogateescape")


STANDARD_PARTITIONS: Step[Facts, Settings] = Step(
    id="standard-partitions",
    title="the root file system is on a plain partition",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="seed (standard partitions rather than LVM)",
    remedy="make the image with a plain partition for /",
    plan=_plan,
    rows=("V07",),
)
