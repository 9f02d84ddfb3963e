"""/etc/kernel/cmdline: the words that kernel-install puts into the entry of the next kernel.

Where it is missing, kernel-install's scripts take /usr/lib/kernel/cmdline, or else /proc/cmdline: in an image
that is being built, the builder's. So it is made from the entry that boots now, where a script reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.formats import kernel_cmdline
from hvprep.formats.kernel_cmdline import parameter_name, spread_words
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.rules import EntryRules

CMDLINE = GuestPath("/etc/kernel/cmdline")
_DEFAULT = GuestPath("/usr/lib/kernel/cmdline")
_SCRIPTS = ("/etc/kernel/install.d/*.install", "/usr/lib/kernel/install.d/*.install")
_WHY = "the entries of later kernels get the parameters too"
#: Words that belong to one kernel's entry or to one machine (90-loaderentry.install, 20-grub.install).
_OF_ONE_ENTRY = ("BOOT_IMAGE", "initrd", "systemd.machine_id")


def plan_cmdline(view: View, rules: EntryRules, booted: Sequence[str] | None) -> Iterator[Write]:
    """The change after which kernel-install gives a new kernel what `rules` ask for.

    `booted` are the words of the entry that is the default now, None where no entry has all its words.
    """
    source = next((path for path in (CMDLINE, _DEFAULT) if view.read(path) is not None), None)
    if source is not None:
        text = (view.read(source) or b"").decode("utf-8", "surrogateescape")
        edited = edit_cmdline(text, rules)
    elif booted is not None and _is_read(view):
        text, edited = "", " ".join(rules.edit([word for word in booted if not _is_left_out(word)])) + "\n"
    else:
        return
    if edited != text:
        yield Write(
            CMDLINE, edited.encode("utf-8", "surrogateescape"), "later kernels get the parameters too"
        )


def edit_cmdline(text: str, rules: EntryRules) -> str:
    """The text of /etc/kernel/cmdline with the words that `rules` ask for; lines with `#` are comments."""
    lines = text.splitlines(keepends=True) or [""]
    places = [i for i, line in enumerate(lines) if not line.startswith("#")]
    parts = [kernel_cmdline.parse(lines[i]) for i in places] or [kernel_cmdline.parse("")]
    words = [word for part in parts for word in part.words]
    if not rules.problems(words):
        return text
    edited = [part.render() for part in spread_words(parts, rules.edit(words))]
    for i, line in zip(places, edited):
        lines[i] = line
    return "".join(lines if places else [*lines, *edited, "\n"])


def _is_read(view: View) -> bool:
    return any(b"kernel/cmdline" in (view.read(path) or b"") for each in _SCRIPTS for path in view.glob(each))


def _is_left_out(word: str) -> bool:
    return "$" in word or parameter_name(word) in _OF_ONE_ENTRY
