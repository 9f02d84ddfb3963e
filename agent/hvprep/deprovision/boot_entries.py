"""Boot entries that are called after the machine id, so that a clone's next kernel is the one that boots.

kernel-install(8) calls entries MACHINE-ID-VERSION.conf, and GRUB's menu and default go by these names (rpm's
order of versions, grub-core/commands/blscfg.c of Fedora): a clone's newer kernel, called after the clone's
own id, may come below the image's. They are called after a word instead that comes below every id: in that
order digits come after letters, and small letters after capitals. /etc/kernel/entry-token (systemd 251 and
later) keeps the word for kernels to come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.deprovision.action import Action, Move
from hvprep.errors import FormatError
from hvprep.formats import bls, grubenv
from hvprep.model.change import Write
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

#: Before every machine id in the order of names.
TOKEN = "Image"

_ENTRY_TOKEN, _CMDLINE = GuestPath("/etc/kernel/entry-token"), GuestPath("/etc/kernel/cmdline")
_PLACES = ("/boot", "/boot/efi", "/efi")
_GRUBENVS = ("/boot/grub2/grubenv", "/boot/grub/grubenv", "/boot/efi/EFI/*/grubenv")
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_WORD = "systemd.machine_id="
_WHY = "it is called after the machine id"


def plan_boot_entries(view: View) -> Iterator[Action]:
    """Files first, then the entries that name them, then what names the entries."""
    ids = _ids(view)
    if ids:
        for place in _PLACES:
            yield from _plan_place(view, GuestPath(place), ids)
        for pattern in _GRUBENVS:
            for path in view.glob(pattern):
                yield from _plan_saved_entry(view, path, ids)
        yield from _plan_loader_conf(view, ids)
    yield from _plan_entry_token(view, bool(ids))
    yield from _plan_cmdline(view)


def _ids(view: View) -> frozenset[str]:
    """The ids that entries, or the directories of kernels, are called after."""
    found = set()
    for place in _PLACES:
        for path in view.glob(f"{place}/loader/entries/*.conf"):
            name = bls.parse_file_name(path.name)
            if name is not None and name.machine_id:
                found.add(name.machine_id)
        found |= {path.parent.parent.name for path in view.glob(f"{place}/*/*/linux")}
        found |= {path.name.rpartition("-")[2] for path in view.glob(f"{place}/vmlinuz-0-rescue-*")}
    return frozenset(each for each in found if _ID.fullmatch(each))


def _neutral(text: str, ids: frozenset[str]) -> str:
    return _ID.sub(lambda match: TOKEN if match[0] in ids else match[0], text)


def _plan_place(view: View, place: GuestPath, ids: frozenset[str]) -> Iterator[Action]:
    real = view.resolve(place)
    for path in (*view.glob(f"{real}/*"), *view.glob(f"{real}/loader/entries/*.conf")):
        if path.parent == real and path.name in ids:  # the kernels of kernel-install's own layout
            node = view.node(path)
            if node is not None and node.kind is Kind.DIRECTORY:
                yield Move(path, TOKEN, _WHY)
        elif path.parent == real and "-0-rescue-" in path.name and path.suffix != ".hvprep-old":
            if _neutral(path.name, ids) != path.name:
                yield Move(path, _neutral(path.name, ids), _WHY)
        elif path.suffix == ".conf":
            yield from _plan_entry(view, path, ids)


def _plan_entry(view: View, path: GuestPath, ids: frozenset[str]) -> Iterator[Action]:
    content = view.read(path)
    if content is None:
        return
    text = content.decode("utf-8", "surrogateescape")
    lines = [line for line in text.splitlines(keepends=True) if not re.match(r"\s*machine-id\s", line)]
    entry = bls.parse("".join(lines))
    entry = entry.edit_options(lambda words: [word for word in words if not _is_id_word(word)])
    edited = _neutral(entry.render(), ids).encode("utf-8", "surrogateescape")
    if edited != content:
        yield Write(path, edited, "it names the machine id")
    name = _neutral(path.name, ids)
    if name != path.name:
        yield Move(path, name, _WHY)


def _is_id_word(word: str) -> bool:
    return word.startswith(_WORD) and _ID.fullmatch(word[len(_WORD) :]) is not None


def _plan_saved_entry(view: View, path: GuestPath, ids: frozenset[str]) -> Iterator[Action]:
    content = view.read(path)
    if not content:
        return
    try:
        block = grubenv.parse(content)
    except FormatError:
        return  # nothing is known of it: the finding says so
    saved = block.get("saved_entry")
    if saved and _neutral(saved, ids) != saved:
        block = block.set("saved_entry", _neutral(saved, ids))
        yield Write(path, block.render(), "the entry that is booted has another name now")


def _plan_loader_conf(view: View, ids: frozenset[str]) -> Iterator[Action]:
    for place in _PLACES:
        path = GuestPath(place) / "loader/loader.conf"
        text = (view.read(path) or b"").decode("utf-8", "surrogateescape")
        if _neutral(text, ids) != text:
            edited = _neutral(text, ids).encode("utf-8", "surrogateescape")
            yield Write(path, edited, "the entry that is booted has another name now")


def _plan_entry_token(view: View, renamed: bool) -> Iterator[Action]:
    """The word for kernels to come: TOKEN, unless somebody has chosen one that is no machine id."""
    now = (view.read(_ENTRY_TOKEN) or b"").decode("utf-8", "replace").strip()
    if _ID.fullmatch(now) or (renamed and not now and view.node(_ENTRY_TOKEN.parent) is not None):
        yield Write(
            _ENTRY_TOKEN, f"{TOKEN}\n".encode(), "what the entries of kernels to come are called after"
        )


def _plan_cmdline(view: View) -> Iterator[Action]:
    content = view.read(_CMDLINE) or b""
    text = content.decode("utf-8", "surrogateescape")
    edited = re.sub(rf"(^|[ \t]){re.escape(_WORD)}[0-9a-f]{{32}}(?=\s|\Z)", "", text)
    if edited != text:
        yield Write(_CMDLINE, edited.encode("utf-8", "surrogateescape"), "it names the machine id")
