"""Names and addresses that udev gives to interfaces by what only one machine has.

Source: udev(7), systemd.link(5); Microsoft's pages (75-persistent-net-generator.rules to /dev/null).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.services import is_mask
from hvprep.formats.kernel_cmdline import last_value
from hvprep.model.change import Link, Remove
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.every_boot import read_every_boot
from hvprep.steps.networking import networkd
from hvprep.steps.networking.profile import INTERFACE, is_address

_RULES = GuestPath("/etc/udev/rules.d")
#: Written by the generator for every address that it meets; the second one is cloud-init's on SUSE.
_GENERATED = ("70-persistent-net.rules", "85-persistent-net-cloud-init.rules")
_GENERATOR = "75-persistent-net-generator.rules"
_ADDRESS = re.compile(r'ATTRS?\{address\}=="(?P<address>[^"]*)"')


def plan(view: View, facts: Facts) -> Iterator[Outcome]:
    """The changes after which no name and no address comes from another machine."""
    for name in _GENERATED:
        path = _RULES / name
        if view.node(path) is not None and not is_mask(view, path):
            yield Remove(path, f"{path} gives names to the interfaces of one machine")
    sources = [GuestPath(each) / _GENERATOR for each in ("/usr/lib/udev/rules.d", "/lib/udev/rules.d")]
    source = next((path for path in (_RULES / _GENERATOR, *sources) if view.node(path) is not None), None)
    if source is not None and not is_mask(view, source):
        why = f"{source} would write {_GENERATED[0]} anew on every machine"
        yield Link(_RULES / _GENERATOR, "/dev/null", why)
    yield from _plan_rules(view)
    yield from _plan_links(view, facts)


def _plan_rules(view: View) -> Iterator[Note]:
    """Rules that an administrator wrote stay: other things may be built on the names."""
    for path in view.glob(f"{_RULES}/*.rules"):
        if path.name in (*_GENERATED, _GENERATOR):
            continue
        for number, line in enumerate((view.read(path) or b"").decode("utf-8", "replace").splitlines(), 1):
            address = _ADDRESS.search(line)
            is_rule = not line.lstrip().startswith("#") and re.search(r"\bNAME\s*:?=(?!=)", line)
            if address is not None and is_rule and is_address(address["address"]):
                because = f"{path}, line {number}: the name of an interface hangs on {address['address']}"
                yield Note(Verdict.UNMET, because, "take the rule out, and use the name eth0 instead")


def _plan_links(view: View, facts: Facts) -> Iterator[Outcome]:
    """A .link file that gives an address or a name to eth0, whoever configures it then. The first one that
    fits counts (systemd.link(5)), apart from those for an address that no other machine has."""
    boots = read_every_boot(view, facts)[0]
    has_policies = not boots or not all(last_value(boot.words, "net.ifnames") == "0" for boot in boots)
    for file in networkd.find_files(view, "link"):
        unknown = networkd.unknown_matches(file)
        if not networkd.matches(file, is_lenient=True) or file.find("Match", *networkd.BINDING):
            continue
        renaming = _find_renaming(file, has_policies)
        if unknown and renaming is not None:
            because = f"{renaming} gives a name, and whether it is to {INTERFACE} depends on {unknown[0]}"
            yield Note(Verdict.NOT_ASSESSED, because, f"see that {INTERFACE} keeps its name")
        if unknown:
            continue
        harmful = [each for each in file.find("Link", "MACAddress") if is_address(each.entry.value)]
        if harmful:
            yield networkd.remove(view, file, harmful) or Note(
                Verdict.UNMET, f"{harmful[0]}, which only one machine may have", f"edit {harmful[0].path}"
            )
        if renaming is not None:
            because = f"{renaming} gives {INTERFACE} another name, by which nothing configures it"
            yield Note(Verdict.UNMET, because, f"take it out of {renaming.path}, or use {INTERFACE}")
        return


def _find_renaming(file: networkd.UnitFile, has_policies: bool) -> networkd.Place | None:
    """The last entry of a kind counts. Policies come first, and net.ifnames=0 switches them off; a device of
    the VMBus has nothing of what others than `mac` make a name from."""
    policies, names = file.find("Link", "NamePolicy")[-1:], file.find("Link", "Name")[-1:]
    if has_policies and any("mac" in each.entry.value.split() for each in policies):
        return policies[0]
    return next((each for each in names if each.entry.value != INTERFACE), None)
