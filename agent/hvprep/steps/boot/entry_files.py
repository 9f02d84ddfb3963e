"""The files of a directory of Boot Loader Specification entries, as GRUB and systemd-boot read them."""

from __future__ import annotations

from hvprep.errors import in_file
from hvprep.formats import bls
from hvprep.formats.bls import Entry
from hvprep.model.node import GuestPath
from hvprep.model.view import View


def read_entries(view: View, directory: GuestPath) -> dict[GuestPath, Entry]:
    """Every entry, whatever it boots. Raises FormatError, which names the file."""
    entries = {}
    for path in view.glob(f"{directory}/*.conf"):
        with in_file(path):
            entries[path] = bls.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"))
    return entries
