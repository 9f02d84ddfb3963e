"""What the running system swaps to now. An image has none of it, so this only adds to what its files say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.facts.block_devices import BlockDevice, Partition, Storage
from hvprep.facts.gather import Facts
from hvprep.facts.live import LiveFacts, Swap
from hvprep.facts.storage_use import find_use
from hvprep.facts.system_disk import find_system_disks
from hvprep.facts.tools import find_program
from hvprep.facts.udev import node_of, read_properties
from hvprep.model.change import Run, Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.swap.areas import FSTAB, is_temporary, read_fstab
from hvprep.steps.swap.tables import is_gpt_auto_at_work, no_auto_line

#: The type of swap partitions in a GPT (UAPI group, Discoverable Partitions Specification).
_GPT_SWAP = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"
_NO_REASON = "nothing in /etc/fstab or systemd's units says why"


def plan_active(
    view: View, facts: Facts, removed: Sequence[str], places: Sequence[GuestPath]
) -> Iterator[Outcome]:
    """`removed` is what boot swapped to before the changes so far; `places` are on the temporary disk."""
    if facts.live is None or facts.storage is None:
        return
    disks = find_system_disks(facts.storage)
    partitions = [part for disk in disks for part in disk.partitions if _is_gpt_swap(view, part)]
    known = [node_of(view, spec) for spec in removed]
    if partitions and is_gpt_auto_at_work(view, read_fstab(view)):
        yield _without_gpt_auto(view, partitions[0])
        known += [part.path for part in partitions]
    for swap in facts.live.swaps or ():
        if node_of(view, str(swap.path)) in known:
            yield from _switch_off(view, facts.live, swap)
        elif not is_temporary(str(swap.path), ()) and _is_on(facts.storage, disks, swap, places):
            yield _unexplained(swap, places)
    for part in partitions:
        yield Note(
            Verdict.MET,
            f"{part.path} is a partition for swap, which boot does not use: its space is lost to the image",
        )


def _unexplained(swap: Swap, places: Sequence[GuestPath]) -> Note:
    is_below = is_temporary(str(swap.path), places)
    why = "the temporary disk is not mounted there" if is_below else _NO_REASON
    return Note(
        Verdict.UNMET,
        f"the kernel swaps to {swap.path}, and {why}",
        f"swapoff {swap.path}; if it is back after the next boot, find out what switches it on",
    )


def _is_gpt_swap(view: View, part: Partition) -> bool:
    properties = read_properties(view, part.device_number)
    return properties.get("ID_PART_ENTRY_TYPE", "").lower() == _GPT_SWAP


def _without_gpt_auto(view: View, part: Partition) -> Write:
    properties = read_properties(view, part.device_number)
    tags = (("PARTUUID", "ID_PART_ENTRY_UUID"), ("UUID", "ID_FS_UUID"))
    names = [f"{tag}={properties[name]}" for tag, name in tags if properties.get(name)]
    text = (view.read(FSTAB) or b"").decode("utf-8", "surrogateescape")
    glue = "" if text.endswith("\n") or not text else "\n"
    line = no_auto_line((names or [str(part.path)])[0])
    return Write(
        FSTAB,
        f"{text}{glue}{line}\n".encode("utf-8", "surrogateescape"),
        f"systemd-gpt-auto-generator no longer finds the swap partition {part.path} by itself",
    )


def _switch_off(view: View, live: LiveFacts, swap: Swap) -> Iterator[Outcome]:
    """Where its pages have room in memory. A rollback cannot switch it on again."""
    program = find_program(view, "swapoff")
    has_room = live.available_bytes is not None and swap.used_kib * 1024 <= live.available_bytes // 2
    if program is None or not has_room:
        yield Note(
            Verdict.UNMET,
            f"the kernel still swaps to {swap.path}, and {swap.used_kib >> 10} MiB there are in use",
            "reboot after hvprep prepare: boot does not switch it on again",
        )
        return
    yield Run(
        (str(program), str(swap.path)),
        (),
        f"{swap.path} is switched off now; after a rollback it is on again from the next boot",
    )


def _is_on(storage: Storage, disks: Sequence[BlockDevice], swap: Swap, places: Sequence[GuestPath]) -> bool:
    """Whether the area is on one of these disks, or may be: what / is on is not always to be seen. A file is
    on what is mounted over it, whatever boot shall mount there."""
    if swap.type == "file":
        mounts = [each for each in reversed(storage.mounts or ()) if each.mountpoint in swap.path.parents]
        holding = max(mounts, key=lambda each: len(each.mountpoint.parts), default=None)
        if not disks:
            return holding is None or holding.mountpoint not in places
        return any(holding in find_use(storage, disk).mounts for disk in disks)
    found = [each.path for disk in disks for each in find_use(storage, disk).swaps]
    return not disks or swap.path in found
