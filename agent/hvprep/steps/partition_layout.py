"""partition-layout: a disk that Azure takes, and that the firmware of the virtual machine boots from."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.block_devices import BlockDevice
from hvprep.facts.boot_loaders import LoaderKind
from hvprep.facts.gather import Facts
from hvprep.facts.system_disk import find_system_disks
from hvprep.facts.udev import read_properties
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings

_MIB, _GIB = 1 << 20, 1 << 30
#: Microsoft, "Managed disks": a disk of the system with a GPT; and what an MBR's 32 bits of sectors reach,
#: which is Azure's limit for generation 1 too.
_GPT_LIMIT_GIB, _MBR_LIMIT_GIB = 4095, 2048
_SEED_LIMIT_GIB = 1023
#: Types of partitions as udev has them (ID_PART_ENTRY_TYPE): in a GPT a GUID, in an MBR a number.
_ESP = ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef")
_BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"
_GPT, _MBR = "gpt", "dos"
#: Where there is a GPT, its first part lies in a partition of its own: behind an MBR there is room.
_GRUB = (LoaderKind.GRUB2, LoaderKind.GRUB2_BLS)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    if facts.storage is None:
        yield Note(
            Verdict.NOT_ASSESSED,
            "a mounted root does not show the disk that it is on",
            "look at the image's file (sfdisk -l FILE), or check the running system",
        )
        return
    disks = find_system_disks(facts.storage)
    if not disks:
        yield Note(Verdict.NOT_ASSESSED, "/proc and /sys do not show which disk / is on")
    for disk in disks:
        yield from _judge_size(disk)
        yield from _judge_table(view, facts, settings, disk)


def _judge_size(disk: BlockDevice) -> Iterator[Note]:
    rest = disk.size_bytes % _MIB
    if rest:
        whole = (disk.size_bytes - rest + _MIB) // _MIB
        yield Note(
            Verdict.UNMET,
            f"{disk.path} has {disk.size_bytes} bytes, no whole number of MiB: Azure refuses such a disk",
            f"grow the virtual disk while the machine is off: qemu-img resize FILE {whole}M",
        )
    else:
        yield Note(Verdict.MET, f"{disk.path} has {disk.size_bytes // _MIB} MiB")


def _judge_table(view: View, facts: Facts, settings: Settings, disk: BlockDevice) -> Iterator[Note]:
    table = read_properties(view, disk.device_number).get("ID_PART_TABLE_TYPE")
    if not disk.partitions:
        yield Note(Verdict.UNMET, f"{disk.path} has no partitions", "make the image with an MBR or a GPT")
        return
    first = min(disk.partitions, key=lambda part: part.start_bytes)
    if first.start_bytes < _MIB:
        yield Note(
            Verdict.UNMET,
            f"{first.path} begins at byte {first.start_bytes}: the first MiB of the disk is to be free",
            "move it from another system: sfdisk --move-data DISK, or make the image anew",
        )
    if table is None:
        yield Note(Verdict.NOT_ASSESSED, f"udev does not say which partition table {disk.path} has")
        return
    if table not in (_GPT, _MBR):
        yield Note(Verdict.UNMET, f"{disk.path} has a table of the kind {table}", "make the image with a GPT")
        return
    yield from _judge_limit(facts, settings, disk, table)
    types = [read_properties(view, part.device_number).get("ID_PART_ENTRY_TYPE") for part in disk.partitions]
    yield from _judge_firmware(facts, disk, table, [kind.lower() for kind in types if kind])


def _judge_limit(facts: Facts, settings: Settings, disk: BlockDevice, table: str) -> Iterator[Note]:
    is_azure = settings.image_profile == Profile.AZURE.value
    needs_mbr_limit = table == _MBR or (is_azure and facts.image.generations.numbers == {1})
    limit = _MBR_LIMIT_GIB if needs_mbr_limit else _GPT_LIMIT_GIB if is_azure else None
    if limit is not None and disk.size_bytes > limit * _GIB:
        why = "what an MBR can address" if table == _MBR else "the largest disk of a system on Azure"
        yield Note(
            Verdict.UNMET,
            f"{disk.path} has {disk.size_bytes // _GIB} GiB; {why} is {limit} GiB",
            "make the image with a smaller disk",
        )
    elif is_azure and disk.size_bytes > _SEED_LIMIT_GIB * _GIB:
        yield Note(
            Verdict.MET,
            f"{disk.path} is larger than the {_SEED_LIMIT_GIB} GiB of Microsoft's document of 2017; today"
            f" Azure takes {limit} GiB",
        )


def _judge_firmware(facts: Facts, disk: BlockDevice, table: str, types: list[str]) -> Iterator[Note]:
    numbers = facts.image.generations.numbers
    has_esp = any(kind in _ESP for kind in types)
    if not types:
        yield Note(Verdict.NOT_ASSESSED, f"udev does not say what the partitions of {disk.path} are for")
        return
    if 2 in numbers and (table != _GPT or not has_esp):
        lack = "no EFI system partition" if table == _GPT else "an MBR, and generation 2 wants a GPT"
        yield Note(
            Verdict.UNMET,
            f"{disk.path} has {lack} ({facts.image.generations.because})",
            "make the image with a GPT and an EFI system partition, or for generation 1",
        )
    has_grub = any(loader.kind in _GRUB for loader in facts.image.boot_loaders)
    if 1 in numbers and table == _GPT and has_grub and _BIOS_BOOT not in types:
        yield Note(
            Verdict.UNMET,
            f"{disk.path} has a GPT and no BIOS boot partition, where GRUB keeps what generation 1 starts"
            f" ({facts.image.generations.because})",
            "add one of 1 MiB (sgdisk -n 0:0:+1M -t 0:EF02 DISK) and run grub-install DISK, or make the image"
            " for generation 2",
        )
    if not (2 in numbers and table != _GPT):
        yield Note(Verdict.MET, f"{disk.path} has {'a GPT' if table == _GPT else 'an MBR'}")


PARTITION_LAYOUT: Step[Facts, Settings] = Step(
    id="partition-layout",
    title="the disk has a size and a partition table that the platform takes",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="seed (a whole number of MiB, at most 1,023 GB)",
    remedy="make the image with another disk",
    plan=_plan,
    rows=("V06", "B14", "V02", "V04"),
)
