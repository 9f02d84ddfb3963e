"""Rules that the service nftables loads at boot."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.errors import FormatError
from hvprep.facts.services import Service, find_service
from hvprep.formats import nft_rules
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.steps.firewalls.traffic import Loaded

#: Where systems have it: Debian and Arch, EL, Alpine.
_FILES = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf", "/etc/nftables.nft")
_COMMAND = re.compile(rb"(?m)^\s*ExecStart=.*?\bnft\b.*?(/etc/[\w./-]+)")


def read(view: View) -> Iterator[Loaded]:
    """What boot loads. Raises FormatError where that is not clear."""
    service = find_service(view, "nftables")
    if service is None or not service.is_enabled:
        return
    path = _find_file(view, service)
    if path is not None:
        yield Loaded(path, nft_rules.parse(_text(view, path), path, lambda name: _include(view, name)))


def _find_file(view: View, service: Service) -> GuestPath | None:
    """The file that the unit names; where it is not there, nothing is loaded."""
    named = _COMMAND.search(view.read(service.path) or b"")
    if named is not None:
        path = GuestPath(named[1].decode("ascii"))
        return path if view.node(path) is not None else None
    found = (path for path in map(GuestPath, _FILES) if view.node(path) is not None)
    path_or_none = next(found, None)
    if path_or_none is None:
        because = f"{service.path} starts nftables at boot, and there is none of {', '.join(_FILES)}"
        raise FormatError(because, "see which file it loads")
    return path_or_none


def _include(view: View, name: str) -> Iterator[tuple[GuestPath, str]]:
    """The files that it includes, by its pattern below /etc (nft(8))."""
    pattern = GuestPath("/" if name.startswith("./") else "/etc") / name
    paths = view.glob(str(pattern))
    if not paths and not re.search(r"[*?\[]", name):
        raise FormatError(f"{pattern}: an included file is not there", "nft loads nothing without it")
    for path in paths:
        node = view.node(view.resolve(path))
        if node is not None and node.kind is Kind.FILE:
            yield path, _text(view, path)


def _text(view: View, path: GuestPath) -> str:
    return (view.read(path) or b"").decode("utf-8", "replace")
