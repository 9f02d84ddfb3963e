"""The units that the checkout ships, and what its presets say of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, Set, Tuple

CHECKOUT = Path(__file__).parents[1]
UNITS = CHECKOUT / "units"
PRESET = UNITS / "50-hvprep.preset"


def shipped_units() -> Tuple[Path, ...]:
    return tuple(sorted(UNITS.glob("*.service")))


def shipped_paths(zsh_directory: str) -> Set[str]:
    """Where a package has to put what lies in conf/, units/ and packaging/, and the completions."""
    conf, manuals = CHECKOUT / "conf", CHECKOUT / "packaging" / "man"
    pages = [path.stem for path in manuals.glob("*.rst")]
    return {
        *(f"/usr/lib/systemd/system/{unit.name}" for unit in shipped_units()),
        f"/usr/lib/systemd/system-preset/{PRESET.name}",
        *(f"/usr/lib/udev/rules.d/{path.name}" for path in conf.glob("*.rules")),
        *(f"/usr/share/hvprep/{path.name}" for path in conf.glob("*.json")),
        *(f"/usr/share/man/man{page[-1]}/{page}.gz" for page in pages),
        *("/etc/hvprep.conf", "/etc/hvprep.conf.d", "/usr/bin/hvprep"),
        "/usr/share/bash-completion/completions/hvprep",
        f"{zsh_directory}/_hvprep",
        "/usr/share/fish/vendor_completions.d/hvprep.fish",
    }


def presets() -> Dict[str, str]:
    """enable or disable, for each unit that the presets name."""
    lines = re.findall(r"^(enable|disable) (\S+)$", PRESET.read_text(), re.MULTILINE)
    return {unit: verb for verb, unit in lines}


def unit_states() -> Dict[str, str]:
    """enabled or disabled, as it has to be after an installation, for each unit that there is."""
    wanted = presets()
    return {unit.name: f"{wanted[unit.name]}d" for unit in shipped_units()}


def links() -> Dict[str, str]:
    """The links in /etc that enable those units that are to be enabled, and the unit of each."""
    found = {}
    for unit in shipped_units():
        if unit_states()[unit.name] == "enabled":
            for target in re.findall(r"^WantedBy=(.*)$", unit.read_text(), re.MULTILINE):
                for name in target.split():
                    found[f"/etc/systemd/system/{name}.wants/{unit.name}"] = unit.name
    return found
