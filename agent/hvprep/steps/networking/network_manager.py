"""NetworkManager: connection profiles in keyfiles, or in ifcfg files where it has the plug-in for them.

Where no profile fits, it makes one for DHCP by itself, unless no-auto-default forbids it. Source:
NetworkManager.conf(5), nm-settings-keyfile(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from hvprep.facts.services import is_started
from hvprep.formats import key_file
from hvprep.formats.key_file import Entry, KeyFile
from hvprep.model.change import Write
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.steps.networking import ifcfg
from hvprep.steps.networking.profile import (
    ETH0,
    INTERFACE,
    Device,
    Profile,
    Reading,
    fits_driver,
    fits_interface,
    is_address,
    is_long,
)
from hvprep.system.shipped import read_shipped

_OWN = GuestPath("/etc/NetworkManager/system-connections")
_PROFILES = (_OWN, GuestPath("/usr/lib/NetworkManager/system-connections"))
#: In the order in which they are read; of two with one name the later one counts (NetworkManager.conf(5)).
_CONFIGS = (
    "/usr/lib/NetworkManager/conf.d/*.conf",
    "/etc/NetworkManager/NetworkManager.conf",
    "/etc/NetworkManager/conf.d/*.conf",
)
_PLUGIN = "libnm-settings-plugin-ifcfg-rh.so"


def is_used(view: View) -> bool:
    """Whether it is started at boot."""
    return is_started(view, "NetworkManager", "network-manager")


def read(view: View) -> Reading:
    """What it does, with its profiles of both kinds."""
    name, values = "NetworkManager", read_values(view)
    if fits_specs(values("keyfile", "unmanaged-devices")) or values.is_left_alone(ETH0):
        return Reading(name)
    has_ifcfg = _reads_ifcfg(view, values("main", "plugins"))
    profiles = tuple(filter(None, (_read_profile(view, path) for path in _profile_paths(view))))
    default = None
    if not fits_specs(values("main", "no-auto-default")):
        default = f"it gives {INTERFACE} an address by DHCP where no profile says otherwise"
    new = ifcfg.new_profiles(view) if has_ifcfg else _new_profile(view)
    return Reading(name, profiles + (ifcfg.read_profiles(view) if has_ifcfg else ()), default, new)


class Values:
    """The merged configuration: values of a key as a list, `key+=` added to those before."""

    def __init__(self, files: Iterable[KeyFile]) -> None:
        self._files = [file.entries for file in files]
        self._entries = [entry for entries in self._files for entry in entries]

    def __call__(self, section: str, key: str) -> tuple[str, ...]:
        """The words of a key, parted by commas or semicolons."""
        words: list[str] = []
        for entry in self._entries:
            name = entry.key.rstrip("+-")
            if entry.section == section and name == key:
                given = [word.strip() for word in re.split("[,;]", entry.value) if word.strip()]
                kept = [word for word in words if word not in given]
                words = {"+": kept + given, "-": kept}.get(entry.key[len(name) :], given)
        return tuple(words)

    def defaults(self, key: str) -> dict[str, str]:
        """What connections have for a key where they say nothing themselves: section -> value."""
        found = (entry for entry in self._entries if entry.key == key)
        return {each.section: each.value for each in found if each.section.startswith("connection")}

    def is_left_alone(self, device: Device) -> bool:
        """Whether a [device] section has NetworkManager not manage it. Of those that fit, the first one that
        says either counts: those of later files come first, and [device] itself comes last."""
        sections: dict[str, dict[str, str]] = {}
        for entries in self._files:
            found = [entry for entry in entries if entry.section.startswith("device")]
            for name in reversed(dict.fromkeys(entry.section for entry in found)):
                sections.setdefault(name, {})
            for entry in found:
                sections[entry.section][entry.key] = entry.value
        last = sections.pop("device", {})
        for section in (*reversed(sections.values()), last):
            specs = [word.strip() for word in re.split("[,;]", section.get("match-device", "*"))]
            if fits_specs(filter(None, specs), device):
                if "managed" in section:
                    return section["managed"].lower() in ("false", "no", "off", "0")
                if key_file.is_yes(section.get("stop-match", "")):
                    return False
        return False


def read_values(view: View) -> Values:
    """NetworkManager.conf with all that goes before and after it."""
    paths: dict[str, GuestPath] = {}
    for pattern in _CONFIGS:
        for path in view.glob(pattern):
            paths.pop(path.name, None)
            paths[path.name] = path
    return Values(_parse(view, path) for path in paths.values())


def fits_specs(specs: Iterable[str], device: Device = ETH0) -> bool:
    """Whether a list of devices (NetworkManager.conf(5), "Device List Format") holds the interface."""
    fits = False
    for spec in specs:
        kind, _, pattern = spec.removeprefix("except:").partition(":")
        if _fits_spec(kind, pattern[1:] if pattern.startswith(("=", "~")) else pattern, device):
            if spec.startswith("except:"):
                return False
            fits = True
    return fits


def _fits_spec(kind: str, pattern: str, device: Device) -> bool:
    if kind == "driver":
        return fits_driver([pattern], device)
    if kind == "type":
        return fnmatchcase("ethernet", pattern)
    if kind == "interface-name":
        return fits_interface([pattern], device)
    return kind == "*" or (pattern == "" and kind == device.name)


def _reads_ifcfg(view: View, plugins: tuple[str, ...]) -> bool:
    is_there = view.glob(f"/usr/lib*/NetworkManager/{_PLUGIN}") or view.glob(
        f"/usr/lib*/NetworkManager/*/{_PLUGIN}"
    )
    return bool(is_there) and (not plugins or "ifcfg-rh" in plugins)


def _profile_paths(view: View) -> list[GuestPath]:
    """Those that it reads: not hidden, no backups; one in /etc hides that of the same name in /usr."""
    found: dict[str, GuestPath] = {}
    for directory in _PROFILES:
        for path in view.glob(f"{directory}/*"):
            is_ignored = path.name.endswith("~") or (directory != _OWN and path.suffix != ".nmconnection")
            node = view.node(view.resolve(path))
            if node is not None and node.kind is Kind.FILE and not is_ignored:
                found.setdefault(path.name, path)
    return list(found.values())


def _read_profile(view: View, path: GuestPath) -> Profile | None:
    file = _parse(view, path)
    kind, name = _value(file, "connection", "type"), _value(file, "connection", "interface-name")
    names = [*_list(file, "match", "interface-name"), *([name] if name else [])]
    drivers = _list(file, "match", "driver")
    is_other = (names and not fits_interface(names)) or (drivers and not fits_driver(drivers))
    if kind not in ("ethernet", "802-3-ethernet") or is_other:
        return None
    master = file.find("connection", "master") or file.find("connection", "controller")
    unclear = f"{path}, line {master.line}: {INTERFACE} is a part of {master.value}" if master else None
    harmful = [entry for entry in _ethernet(file, "cloned-mac-address") if is_address(entry.value)]
    bound = _ethernet(file, "mac-address")
    manual = file.find("connection", "autoconnect")
    off = [manual] if manual is not None and manual.value in ("false", "no", "0") else []
    fixed = tuple(_fixed(path, file))
    # A profile for no interface by name would fit every one, and others may do so too.
    reasons = [*harmful, *off, *bound] if names and not fixed else []
    return Profile(
        path,
        fixed,
        unclear,
        tuple(f"{_place(path, entry)}, which only one machine may have" for entry in harmful),
        f"{_place(path, bound[0])} binds it" if bound else None,
        _place(path, off[0]) if off else None,
        _without(path, file, reasons),
        _without(path, file, _short_timeouts(file)),
    )


def _fixed(path: GuestPath, file: KeyFile) -> Iterator[str]:
    method = file.find("ipv4", "method")
    addresses = [
        entry
        for entry in file.entries
        if entry.section == "ipv4" and re.fullmatch("address(es|[0-9]*)", entry.key) and entry.value
    ]
    if addresses:
        yield f"{_place(path, addresses[0])} is a fixed address"
    elif method is not None and method.value != "auto":
        yield f"{_place(path, method)} gives {INTERFACE} no address by DHCP"


def _short_timeouts(file: KeyFile) -> list[Entry]:
    """0 leaves it to the configuration (nm-settings-keyfile(5))."""
    entry = file.find("ipv4", "dhcp-timeout")
    return [] if entry is None or entry.value in ("", "0") or is_long(entry.value) else [entry]


def _without(path: GuestPath, file: KeyFile, entries: list[Entry]) -> Write | None:
    if not entries:
        return None
    content = file.without(*entries).render().encode("utf-8", "surrogateescape")
    return Write(path, content, "; ".join(f"{_place(path, entry)} goes" for entry in entries))


def _new_profile(view: View) -> tuple[Write, ...]:
    path = _OWN / f"{INTERFACE}.nmconnection"
    why = f"nothing gives {INTERFACE}, the first interface on Hyper-V, an address"
    # NetworkManager reads none that others may read.
    return (Write(path, read_shipped("eth0.nmconnection"), why, 0o600),) if view.node(path) is None else ()


def _ethernet(file: KeyFile, key: str) -> list[Entry]:
    found = (file.find(section, key) for section in ("ethernet", "802-3-ethernet"))
    return [entry for entry in found if entry is not None and entry.value]


def _place(path: GuestPath, entry: Entry) -> str:
    return f"{path}, line {entry.line}: {entry.key}={entry.value}"


def _value(file: KeyFile, section: str, key: str) -> str:
    entry = file.find(section, key)
    return entry.value if entry is not None else ""


def _list(file: KeyFile, section: str, key: str) -> list[str]:
    return [word.strip() for word in _value(file, section, key).split(";") if word.strip()]


def _parse(view: View, path: GuestPath) -> KeyFile:
    return key_file.parse((view.read(path) or b"").decode("utf-8", "surrogateescape"), continues=False)
