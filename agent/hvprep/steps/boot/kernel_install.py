"""/etc/kernel/cmdline: the words that kernel-install puts into the entry of the next kernel.

Where it is missing, kernel-install's scripts take /usr/lib/kernel/cmdline, or else /proc/cmdline: in an image
that is being built, the builder's. So it is made from the entry that boots now, where a script reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.formats.kernel_cmdline import parameter_name
from hvprep.formats.kernel_install import parse
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.rules import EntryRules

CMDLINE = GuestPath("/etc/kernel/cmdline")
_DEFAULT = GuestPath("/usr/lib/kernel/cmdline")
_SCRIPTS = ("/etc/kernel/install.d/*.install", "/usr/lib/kernel/install.d/*.install")
#: Words that belong to one kernel's entry or to one machine (90-loaderentry.install, 20-grub.install).
_OF_ONE_ENTRY = ("BOOT_IMAGE", "initrd", "systemd.machine_id")


def plan_cmdline(view: View, rules: EntryRules, booted: Sequence[str] | None) -> Iterator[Write]:
    """The change after which kernel-install gives a new kernel what `rules` ask for.

    `booted` are the words of the entry that is the default now, None where no entry has all its words.
    """
    found = [
        parse((view.read(path) or b"").decode("utf-8", "surrogateescape")) for path in (CMDLINE, _DEFAULT)
    ]
    cmdline = next((each for each in found if each.words), None)
    if cmdline is not None:
        if not rules.problems(cmdline.words):
            return
    elif booted is not None and _is_read(view):
        cmdline = parse(" ".join(word for word in booted if not _is_left_out(word)) + "\n")
    else:
        return
    text = cmdline.edit_words(rules.edit).render()
    yield Write(
        CMDLINE,
        text.encode("utf-8", "surrogateescape"),
        f"later kernels get the parameters too, from {CMDLINE}",
    )


def _is_read(view: View) -> bool:
    return any(b"kernel/cmdline" in (view.read(path) or b"") for each in _SCRIPTS for path in view.glob(each))


def _is_left_out(word: str) -> bool:
    return "$" in word or parameter_name(word) in _OF_ONE_ENTRY
