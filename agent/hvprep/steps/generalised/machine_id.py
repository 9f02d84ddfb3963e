"""machine-id: every machine makes an identity of its own, and its next kernel is the one that it boots.

Source: machine-id(5), kernel-install(8); systemd, src/libsystemd/sd-id128/id128-util.c for what it accepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.errors import FormatError
from hvprep.facts.gather import Facts
from hvprep.facts.services import uses_systemd
from hvprep.formats import grubenv
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.boot.every_boot import read_every_boot
from hvprep.steps.generalised.listing import name_some

_MACHINE_ID, _DBUS = GuestPath("/etc/machine-id"), GuestPath("/var/lib/dbus/machine-id")
_ENTRY_TOKEN = GuestPath("/etc/kernel/entry-token")
_CMDLINE = GuestPath("/etc/kernel/cmdline")
_ID = re.compile(r"[0-9a-f]{32}")
#: Boot entries, kernels and their directories (kernel-install(8), dracut's 51-dracut-rescue.install).
_NAMED_AFTER = (
    "/boot/loader/entries/*.conf",
    "/boot/efi/loader/entries/*.conf",
    "/efi/loader/entries/*.conf",
    "/boot/*-0-rescue-*",
    "/boot/*/*/linux",
    "/boot/efi/*/*/linux",
    "/efi/*/*/linux",
)
_GRUBENVS = ("/boot/grub2/grubenv", "/boot/grub/grubenv", "/boot/efi/EFI/*/grubenv")
_WORD = "systemd.machine_id="


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    yield from _judge_id(view)
    yield from _judge_dbus(view)
    token = _text(view, _ENTRY_TOKEN)
    if token and _ID.fullmatch(token):
        yield Note(
            Verdict.UNMET, f"{_ENTRY_TOKEN} holds a machine id: the kernels to come are called after it"
        )
    found = [path for pattern in _NAMED_AFTER for path in view.glob(pattern) if _ID.search(str(path))]
    if found:
        yield Note(
            Verdict.UNMET,
            f"{name_some(found)}: called after a machine id. A clone's next kernel is called after its own,"
            " and the boot menu, in the order of names, may have it below these",
            f"rename them, and write the word that they are called after into {_ENTRY_TOKEN}",
        )
    yield from _judge_saved_entry(view)
    yield from _judge_words(view, facts)


def _judge_id(view: View) -> Iterator[Outcome]:
    node = view.node(view.resolve(_MACHINE_ID))
    if node is None:
        if uses_systemd(view):
            because = f"there is no {_MACHINE_ID}: where /etc is read-only at first, systemd does not boot"
            yield Note(Verdict.UNMET, because)
        return
    text = _text(view, _MACHINE_ID)
    if text not in ("", "uninitialized"):
        yield Note(
            Verdict.UNMET, f"{_MACHINE_ID} holds {'an id' if _ID.fullmatch(text) else 'something else'}"
        )


def _judge_dbus(view: View) -> Iterator[Outcome]:
    """systemd takes D-Bus's id where its own is empty (src/shared/machine-id-setup.c)."""
    node = view.node(_DBUS)
    if node is not None and node.kind is Kind.FILE and node.size:
        because = f"{_DBUS} is a file of its own: systemd takes the old id from there"
        yield Note(Verdict.UNMET, because, f"ln -sf {_MACHINE_ID} {_DBUS}")


def _judge_saved_entry(view: View) -> Iterator[Outcome]:
    for path in (path for pattern in _GRUBENVS for path in view.glob(pattern)):
        content = view.read(path)
        try:
            saved = grubenv.parse(content).get("saved_entry") if content else None
        except FormatError as error:
            yield Note(Verdict.NOT_ASSESSED, f"{path}: {error.sentence}", error.hint)
            continue
        if saved and _ID.match(saved):
            yield Note(
                Verdict.UNMET,
                f"{path}: the entry that is booted, {saved}, is called after a machine id",
                "grub2-editenv - unset saved_entry (grub-editenv on Debian)",
            )


def _judge_words(view: View, facts: Facts) -> Iterator[Outcome]:
    """The kernel's own word for it, which would give all clones one id."""
    found = {str(_CMDLINE): _text(view, _CMDLINE).split()}
    boots, notes = read_every_boot(view, facts)
    yield from notes
    found.update((f'entry "{boot.title}"', list(boot.words)) for boot in boots)
    for where, words in found.items():
        for word in words:
            if word.startswith(_WORD) and _ID.fullmatch(word[len(_WORD) :]):
                yield Note(Verdict.UNMET, f"{where} has {word}", f"remove the word {_WORD}...")


def _text(view: View, path: GuestPath) -> str:
    return (view.read(path) or b"").decode("utf-8", "replace").strip()


MACHINE_ID: Step[Facts, Settings] = Step(
    id="machine-id",
    title="every machine that is made from the image makes an id of its own",
    severity=Severity.REQUIRED,
    phase=Phase.GENERALISED,
    source="systemd, machine-id(5); vendors' image recipes",
    remedy=f"run hvprep deprovision, or: truncate --size 0 {_MACHINE_ID}",
    plan=_plan,
    rows=("H08",),
)
