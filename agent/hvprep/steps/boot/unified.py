"""Unified kernel images: a command line that only the program that makes them can change.

A signature covers the whole image, and in an unsigned one every section after `.cmdline` would move. So an
image is judged, and what the next one is made from is changed: kernel-install (with ukify or dracut) and
mkinitcpio read /etc/kernel/cmdline, dracut by itself has kernel_cmdline in dracut.conf.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.errors import FormatError
from hvprep.facts.boot_loaders import BootLoader
from hvprep.facts.gather import Facts
from hvprep.facts.systemd_boot import UNIFIED
from hvprep.facts.unified_images import UnifiedImage
from hvprep.formats import kernel_cmdline
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.dracut_cmdline import plan_dracut_cmdline
from hvprep.steps.boot.kernel_install import CMDLINE, plan_cmdline
from hvprep.steps.boot.mechanism import Boot, boot_problems
from hvprep.steps.boot.rules import EntryRules

#: mkinitcpio takes these, in the order of their names, before /etc/kernel/cmdline (mkinitcpio(8), --cmdline).
_FRAGMENTS = "/etc/cmdline.d/*.conf"


def read_boots(view: View, facts: Facts, loader: BootLoader) -> Sequence[Boot]:
    """See Mechanism. Raises FormatError where an image does not read: what boots is not known then."""
    return [boot for image in facts.image.unified_images for boot in _boots_of(image)]


def find_doubts(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Note]:
    """See Mechanism: an image that reads is what it is."""
    yield from ()


def plan(view: View, facts: Facts, loader: BootLoader, rules: EntryRules) -> Iterator[Outcome]:
    """See Mechanism."""
    yield from plan_images(view, facts, rules)
    booted = facts.image.unified_images[-1].cmdlines
    yield from plan_cmdline(view, rules, booted[0][1] if booted else None)


def plan_images(view: View, facts: Facts, rules: EntryRules) -> Iterator[Outcome]:
    """What to do about the images, and the change of what the next ones are made with."""
    for image in facts.image.unified_images:
        if boot_problems(_boots_of(image), rules):
            yield _unchangeable(image, rules)
    if facts.image.unified_images:
        yield from _plan_fragments(view, rules)
        yield from plan_dracut_cmdline(view, rules)


def _boots_of(image: UnifiedImage) -> list[Boot]:
    if image.problem is not None:
        raise FormatError(f"{image.path}: {image.problem}", "Make the image anew, or remove it.")
    name = image.path.name
    has_initrd = image.initrd is not None
    return [Boot(name + suffix, name, words, has_initrd, image.path) for suffix, words in image.cmdlines]


def _unchangeable(image: UnifiedImage, rules: EntryRules) -> Note:
    kernel = image.kernel.version if image.kernel is not None else "KERNEL"
    why = "which is signed: a change would break that" if image.is_signed else "where no program changes it"
    base = GuestPath(*image.path.parts[: -len(GuestPath(UNIFIED).parts) - 1])
    return Note(
        Verdict.UNMET,
        f"the kernel command line of {image.path} is a part of the image, {why}",
        f"make the image anew from {CMDLINE} with the program that made it: kernel-install add {kernel} ..., "
        f"dracut --uefi --kernel-cmdline ..., or mkinitcpio -P; or lay an addon beside it: ukify build "
        f"--cmdline='{' '.join(rules.words)}' --output={base}/loader/addons/hvprep.addon.efi (signed, where "
        "Secure Boot is on; an addon adds words and takes none away)",
    )


def _plan_fragments(view: View, rules: EntryRules) -> Iterator[Write]:
    """The words of all the fragments together are one command line."""
    paths = view.glob(_FRAGMENTS)
    texts = [(view.read(path) or b"").decode("utf-8", "surrogateescape") for path in paths]
    lines = [(i, line) for i, text in enumerate(texts) for line in text.splitlines(keepends=True)]
    found = [kernel_cmdline.parse("" if line.startswith("#") else line) for _, line in lines]
    words = [word for line in found for word in line.words]
    if not words or not rules.problems(words):
        return
    edited = kernel_cmdline.spread_words(found, rules.edit(words))
    for i, path in enumerate(paths):
        own = [(line, new) for (at, line), new in zip(lines, edited) if at == i]
        text = "".join(line if line.startswith("#") else new.render() for line, new in own)
        if text != texts[i]:
            content = text.encode("utf-8", "surrogateescape")
            yield Write(path, content, "the next unified kernel images get the parameters too")
