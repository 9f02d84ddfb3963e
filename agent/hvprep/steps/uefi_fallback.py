"""uefi-fallback: what the firmware of a new virtual machine of generation 2 starts is on the EFI partition.

Such a machine knows no boot entries: those of the machine that the image was made on are in that one's
firmware. Nothing is copied here: after GRUB's next update a copy would no longer fit its modules.
The distribution's own tools know how to keep it up to date, and are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hvprep.errors import FormatError
from hvprep.facts.boot_loaders import LoaderKind
from hvprep.facts.efi_partition import FALLBACK, PLACES, existing_places
from hvprep.facts.gather import Facts
from hvprep.facts.tools import find_program
from hvprep.formats.pe import PeImage, SectionFile, read_pe
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings

#: UEFI specification, 3.5.1.1: the name by architecture, and what grub-install(8) calls that.
_NAMES = {"x86_64": ("BOOTX64.EFI", "x86_64-efi"), "aarch64": ("BOOTAA64.EFI", "arm64-efi")}
#: What shim starts, from its own directory: GRUB, or the program that makes boot entries anew from *.CSV.
_SECOND = {"x86_64": ("grubx64.efi", "fbx64.efi"), "aarch64": ("grubaa64.efi", "fbaa64.efi")}
#: The generations of its parts, which shim compares with what was revoked: each names itself there.
_SBAT, _SBAT_LIMIT_BYTES = ".sbat", 65536


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    generations, architecture = facts.image.generations, facts.image.architecture.name
    if generations.numbers and 2 not in generations.numbers:
        yield Note(Verdict.NOT_APPLICABLE, f"generation 1 only: {generations.because}")
        return
    if architecture not in _NAMES:
        yield Note(Verdict.NOT_APPLICABLE, f"generation 2 has no {architecture}")
        return
    places = [place for place in existing_places(view) if _find(view, place, ("EFI",)) is not None]
    if not places:
        yield Note(
            Verdict.NOT_ASSESSED,
            f"no EFI system partition is to be seen at /boot/efi, /efi or /boot ({generations.because})",
            "mount it where it belongs, then check again",
        )
        return
    name = _NAMES[architecture][0]
    found = [(place, _find(view, place, (*FALLBACK.split("/"), name))) for place in places]
    programs = [path for _, path in found if path is not None]
    if not programs:
        yield Note(
            Verdict.UNMET,
            f"{places[0]}/{FALLBACK}/{name} is not there: a new machine of generation 2 starts nothing",
            _remedy(view, facts, places[0]),
        )
    for path in programs:
        yield _judge(view, facts, path)


def _judge(view: View, facts: Facts, path: GuestPath) -> Note:
    """The program, and what it goes on to: GRUB's own program may hold where its configuration is, but not a
    signed one, which is the same on every machine."""
    architecture, remedy = facts.image.architecture.name, _remedy(view, facts, path.parents[2])
    wrong, program = _find_damage(view, path, architecture)
    if program is None or wrong is not None:
        return Note(Verdict.UNMET, wrong or "", remedy)
    if not program.is_shim:
        return Note(Verdict.MET, f"{path} is there")
    grub, fallback = (_find(view, path.parent, (name,)) for name in _SECOND[architecture])
    efi = path.parents[1]
    if fallback is not None and not _names(view, efi, ".csv"):
        wrong = f"{path} is shim and starts {fallback}, which finds no {efi}/*/BOOT*.CSV to go by"
    elif fallback is None and grub is None:
        wrong = f"{path} is shim, and neither {' nor '.join(_SECOND[architecture])} is beside it"
    elif fallback is None and grub is not None:
        wrong, second = _find_damage(view, grub, architecture)
        if second is not None and second.is_signed and not _names(view, efi, "grub.cfg"):
            wrong = f"{path} is shim and starts {grub}, for which there is no {efi}/*/grub.cfg"
    if wrong is not None:
        return Note(Verdict.UNMET, wrong, remedy)
    return Note(Verdict.MET, f"{path} is shim, and starts {fallback or grub}")


@dataclass(frozen=True)
class _Program:
    is_shim: bool
    is_signed: bool


def _find_damage(view: View, path: GuestPath, architecture: str) -> tuple[str | None, _Program | None]:
    """(what is wrong with it, the program)"""
    try:
        with view.open(path) as stream:
            image = read_pe(stream)
            program = _Program(_is_shim(stream, image), image.is_signed)
    except FormatError as error:
        return f"{path} is damaged: {error.sentence}", None
    except IsADirectoryError:
        return f"{path} is no file", None
    wrong = f"{path} is a program for {image.machine}, not {architecture}"
    return (None if image.machine == architecture else wrong), program


def _names(view: View, efi: GuestPath, end: str) -> bool:
    """Whether a directory below that has a file whose name ends so, in any case."""
    return any(path.name.lower().endswith(end) for path in view.glob(f"{efi}/*/*"))


def _is_shim(stream: BinaryIO, program: PeImage) -> bool:
    """Since version 15.3; an older one does not say what it is."""
    section = program.section(_SBAT)
    text = SectionFile(stream, section).read(_SBAT_LIMIT_BYTES) if section is not None else b""
    return re.search(rb"^shim,", text, re.MULTILINE) is not None


def _remedy(view: View, facts: Facts, place: GuestPath) -> str:
    """The command of the mechanism that is there."""
    name, target = _NAMES[facts.image.architecture.name]
    kinds = [loader.kind for loader in facts.image.boot_loaders]
    if LoaderKind.SYSTEMD_BOOT in kinds:
        return f"run: bootctl --esp-path={place} --no-variables install"
    if LoaderKind.UNIFIED_KERNEL_IMAGE in kinds:
        return f"copy the unified kernel image to {place}/{FALLBACK}/{name}, and again with each new kernel"
    if find_program(view, "shim-install") is not None:
        return "run: shim-install --removable"
    if find_program(view, "grub-install") is not None:
        command = f"grub-install --target={target} --efi-directory={place} --removable"
        if find_program(view, "debconf-set-selections") is not None:
            package = "grub-efi-amd64" if target == "x86_64-efi" else "grub-efi-arm64"
            return (
                f"run: {command}; and that updates keep it: echo {package}"
                " grub2/force_efi_extra_removable boolean true | debconf-set-selections"
            )
        return f"run: {command}"
    return "install shim and GRUB for UEFI again: dnf reinstall 'shim-*' 'grub2-efi-*'"


def _find(view: View, directory: GuestPath, names: tuple[str, ...]) -> GuestPath | None:
    """A path by names in any case, as on vfat; a tree that was copied from one spells them as it likes. In
    /boot, efi is where another partition is mounted."""
    for name in names:
        paths = (path for path in view.glob(f"{directory}/*") if path not in PLACES)
        found = [path for path in paths if path.name.lower() == name.lower()]
        if not found:
            return None
        directory = found[0]
    return directory


UEFI_FALLBACK: Step[Facts, Settings] = Step(
    id="uefi-fallback",
    title="a new machine of generation 2 finds something to start",
    severity=Severity.REQUIRED,
    phase=Phase.PREPARE,
    source="Microsoft, UEFI boot failures; Azure Migrate",
    remedy="see the finding",
    plan=_plan,
    rows=("B13",),
)
