"""Swap that cloud-init sets up at the first boot of a machine, and where it mounts the temporary disk.

Source: cloudinit/config/cc_mounts.py (handle, handle_swapcfg, sanitize_devname); disk_aliases of
cloudinit/sources/DataSourceAzure.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hvprep.errors import FormatError
from hvprep.facts.cloud_config import CloudConfig, read_cloud_config
from hvprep.facts.provisioning_agents import AgentName, find_agent, probe_agents
from hvprep.formats.plain_yaml import Node
from hvprep.model.finding import Note, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.swap.areas import is_temporary

#: What it calls the first partition of the temporary disk, and mounts on /mnt where nothing else is said.
_FIRST = ("ephemeral", "ephemeral0", "ephemeral0.1")
_MOUNT_POINT = GuestPath("/mnt")
#: Names of devices that are the temporary disk, or nothing on Azure, where no alias says otherwise.
_NAMES = ("ephemeral", "ephemeral0", "swap")
_SWAP_FILE = "/swap.img"
_ZERO = re.compile(r"0+(\.0*)?[BKMGT]?B?")


def find(view: View, places: Sequence[GuestPath]) -> Iterator[Note]:
    """A finding for each swap area on the system's disk that it would make or use; `places` are elsewhere.

    What the running system's boot made of cloud-init is not asked: another machine may start it.
    """
    agent = find_agent(probe_agents(view, None), AgentName.CLOUD_INIT)
    if agent is None or agent.starts is False:
        return
    try:
        config = read_cloud_config(view)
    except FormatError as error:
        because = f"whether cloud-init makes swap on the system's disk: {error.sentence}"
        yield Note(Verdict.NOT_ASSESSED, because, error.hint)
        return
    yield from _judge_file(config)
    yield from _judge_mounts(config, places)


def find_swap_elsewhere(view: View, places: Sequence[GuestPath]) -> str | None:
    """The entry of `mounts:` by which it swaps to the temporary disk, and puts that into fstab. Raises
    FormatError."""
    config = read_cloud_config(view)
    for items in _mounts(config):
        if len(items) > 2 and items[2].scalar == "swap" and _is_elsewhere(config, items[0], places):
            return f"{config.sources['mounts']}, line {items[0].line}: cloud-init swaps to {items[0].scalar}"
    return None


def find_mount_points(view: View) -> tuple[GuestPath, ...]:
    """Where it mounts the temporary disk; where it always did if its files do not read."""
    try:
        config = read_cloud_config(view)
    except FormatError:
        return (_MOUNT_POINT,)
    mounts = [items for items in _mounts(config) if _is_elsewhere(config, items[0], ())]
    named = [items[1].scalar or "" for items in mounts if len(items) > 1]
    is_told = any(items[0].scalar in _FIRST for items in mounts)
    found = tuple(GuestPath(name) for name in named if name.startswith("/") and name.strip("/"))
    return found if is_told else (_MOUNT_POINT, *found)


def _judge_file(config: CloudConfig) -> Iterator[Note]:
    """It makes the file and swaps to it before it mounts anything (canonical/cloud-init#3633)."""
    swap = config.get("swap")
    if swap is None or _is_nothing(swap.get("size")):
        return
    name = swap.get("filename")
    if name is None or not _is_nothing(name):
        file = (name.scalar if name is not None else None) or _SWAP_FILE
        yield Note(
            Verdict.UNMET,
            f"{config.sources['swap']}: `swap:` has cloud-init make the swap file {file}, before it mounts"
            " anything, and so on the system's disk",
            f"take `swap:` out of {config.sources['swap']}",
        )


def _judge_mounts(config: CloudConfig, places: Sequence[GuestPath]) -> Iterator[Note]:
    for items in _mounts(config):
        is_swap = len(items) > 2 and items[2].scalar == "swap"
        if is_swap and not _is_elsewhere(config, items[0], places):
            yield Note(
                Verdict.UNMET,
                f"{config.sources['mounts']}, line {items[0].line}: cloud-init is told to swap to"
                f" {items[0].scalar}, which counts as on the system's disk",
                f"take that entry out of `mounts:` in {config.sources['mounts']}",
            )


def _mounts(config: CloudConfig) -> list[tuple[Node, ...]]:
    node = config.get("mounts")
    return [each.items for each in (node.items or () if node is not None else ()) if each.items]


def _is_elsewhere(config: CloudConfig, device: Node, places: Sequence[GuestPath]) -> bool:
    spec = device.scalar or ""
    name = spec.partition(".")[0]
    for aliases in (("device_aliases",), ("datasource", "Azure", "disk_aliases")):
        alias = config.get(*aliases, name)
        if alias is not None:
            return is_temporary(alias.scalar or "", places)
    return name in _NAMES or is_temporary(spec, places)


def _is_nothing(node: Node | None) -> bool:
    """Whether Python takes the value for false, or it is a size of zero."""
    if node is None or node.is_null or node.scalar == "" or node.switch is False:
        return True
    return node.scalar is not None and _ZERO.fullmatch(node.scalar) is not None
