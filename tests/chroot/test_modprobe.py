"""The real modprobe of kmod 30 and 34 loads what hvprep says it loads, and keeps out what hvprep says.

And a hardened Debian is found, mended where that is allowed, and taken back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Sequence

import pytest
from hvprep.facts.gather import gather
from hvprep.formats.kernel_modules import ModuleIndex
from hvprep.settings import Settings
from hvprep.steps.modprobe.requests import Request, find_request, names_of_file_system
from hvprep.steps.modprobe.rules import Placed, find_bans, read_rules
from hvprep.system.root import Root

from tests.chroot.guest import Guest, overlaid_guest
from tests.chroot.test_live import Running, judged
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

FLOPPY = "acpi:PNP0700:"
#: How a mount and a device ask, and how our request for it is made. The second is hv_netvsc's device (its
#: class in include/linux/hyperv.h of Linux), the last one a PNP controller of floppies.
ASKED = {
    "fs-udf": (names_of_file_system("udf"), False),
    "fs-iso9660": (names_of_file_system("iso9660", "isofs"), False),
    "fs-vfat": (names_of_file_system("vfat"), False),
    "vmbus:635161f83edfc546913ff2d2f965ed0e": (("hv_netvsc",), True),
    "scsi:t-0x05": (("sr_mod",), True),
    FLOPPY: (("floppy",), True),
}
#: What modprobe.d holds, file by file.
LOAD = "install udf modprobe -i udf\n"
SYSTEMS: List[Dict[str, str]] = [
    {},
    {"etc/modprobe.d/a.conf": "blacklist udf\n"},
    {"etc/modprobe.d/a.conf": "blacklist u\\df\nblacklist hv\\\n_netvsc\n"},
    {"etc/modprobe.d/a.conf": "blacklist iso9660\nblacklist fat\nblacklist hv_vmbus\nblacklist cdrom\n"},
    {"etc/modprobe.d/a.conf": "blacklist isofs\nblacklist hv-netvsc\nblacklist sr-mod\nblacklist floppy\n"},
    {"etc/modprobe.d/a.conf": "blacklist udf\r\nblacklist\x0bisofs\nBLACKLIST vfat\nblacklist u*\n"},
    {"etc/modprobe.d/a.conf": " blacklist\tudf\textra # c\n#blacklist vfat\n# c \\\nblacklist isofs\n"},
    {"etc/modprobe.d/a.conf": "# \\\\\nblacklist udf\n"},
    {"etc/modprobe.d/a.conf": "install udf /bin/true\ninstall isofs /bin/false\n"},
    {"etc/modprobe.d/a.conf": "install udf\ninstall isofs \ninstall vfat  \n"},
    {"etc/modprobe.d/a.conf": "install cdrom /bin/true\ninstall fat /bin/true\n"},
    {"etc/modprobe.d/a.conf": "install fs-udf /bin/true\ninstall fs-* /bin/true\ninstall iso9660 :\n"},
    {"etc/modprobe.d/a.conf": "install u* /bin/true\ninstall [v]fat /bin/true\ninstall i[^x]ofs /bin/true\n"},
    {"etc/modprobe.d/a.conf": "install u[!d]f /bin/true\ninstall {vfat,isofs} /bin/true\n"},
    {"etc/modprobe.d/a.conf": "install udf /sbin/modprobe -i udf\ninstall udf /bin/true\n"},
    {"etc/modprobe.d/a.conf": "install udf /bin/true\ninstall udf /sbin/modprobe -i udf\n"},
    {"etc/modprobe.d/a.conf": "alias udf off\nalias fs-vfat off\nalias fs-iso* off\nalias hv_netvsc off\n"},
    {"etc/modprobe.d/a.conf": "blacklist udf", "etc/modprobe.d/b": "blacklist vfat\n"},
    {"usr/lib/modprobe.d/a.conf": "install udf :\n", "etc/modprobe.d/b.conf": LOAD},
    {"usr/lib/modprobe.d/b.conf": "install udf :\n", "etc/modprobe.d/a.conf": LOAD},
    {"usr/lib/modprobe.d/a.conf": "blacklist udf\n", "etc/modprobe.d/a.conf": ""},
    {"usr/lib/modprobe.d/a.conf": "blacklist udf\n", "usr/local/lib/modprobe.d/a.conf": "blacklist vfat\n"},
    {"etc/modprobe.conf": "blacklist udf\n"},
    {"etc/modprobe.d/c.conf/a.conf": "blacklist udf\n"},
    {"etc/modprobe.d/a.conf": "softdep udf pre: vfat\noptions udf x=1\nremove udf /bin/true\n"},
]  # fmt: skip
#: Without what the device of hv_netvsc asks by: our request also counts a rule that only names it, because
#: initrds load it by its name.
MORE_THAN_MODPROBE = {"vmbus:635161f83edfc546913ff2d2f965ed0e": "alias hv_netvsc off"}


@pytest.fixture(params=["bookworm-initramfs-tools", "trixie-initramfs-tools"])
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with overlaid_guest(pristine_root(request.param)) as guest:
        yield guest


def loads(guest: Guest, *aliases: str) -> List[bool]:
    """Whether the real modprobe would load a module for each alias, and all that it needs."""
    script = 'for alias; do echo "of $alias"; modprobe -n -v -S "$0" "$alias" 2>&1 || true; done'
    output = guest.tool("sh", "-c", script, guest.kernel, *aliases)
    parts = [part.rstrip("\n").split("\n")[1:] for part in output.split("of ")[1:]]
    return [bool(lines) and all(map(is_loading, lines)) for lines in parts]


def is_loading(line: str) -> bool:
    """A line of modprobe's about one module; it grumbles about others that it does not read."""
    return line.startswith(("insmod ", "libkmod: ERROR")) or "modprobe" in line


def bans(rules: Sequence[Placed], index: ModuleIndex, alias: str) -> List[str]:
    """What hvprep says keeps it out."""
    names, by_device = ASKED[alias]
    request = find_request(index, names, by_device, is_early=False)
    assert isinstance(request, Request)
    found = [ban.rule for ban in find_bans(rules, request)]
    return [rule.text for rule in found if rule.text != MORE_THAN_MODPROBE.get(alias)]


def test_modprobe_agrees(guest: Guest) -> None:
    root = Root(guest.root)
    (kernel,) = gather(root, False, Settings()).image.kernels
    assert kernel.modules is not None
    answers = set()
    for files in SYSTEMS:
        write(guest.root, files)
        rules = read_rules(root, ())
        for alias, answer in zip(ASKED, loads(guest, *ASKED)):
            found = bans(rules, kernel.modules, alias)
            assert answer is not bool(found), (files, alias, found)
            answers.add(answer)
        for name in files:
            (guest.root / name).unlink()
            if "c.conf" in name:
                (guest.root / name).parent.rmdir()
    assert answers == {True, False}


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())


#: The SCAP Security Guide's file, one of CIS, and one of a package.
HARDENING = {
    "etc/modprobe.d/udf.conf": "# Disable per security requirements\ninstall udf /bin/false\nblacklist udf\n",
    "etc/modprobe.d/CIS.conf": "install squashfs /bin/true\ninstall vfat /bin/true\n",
    "usr/lib/modprobe.d/50-hardening.conf": "# a package's\nblacklist isofs\nblacklist floppy\n",
}
MODULES = "hyperv-modules,hyperv-services,udf,vfat,iso9660,cdrom,floppy-module"
STEPS = f"{MODULES},kernel-version,kernel-fixes,kernel-config"


def unmet(guest: Guest) -> List[str]:
    findings = json.loads(guest.hvprep("check", "--only", STEPS, "--json").output)["findings"]
    return [finding["id"] for finding in findings if finding["verdict"] != "met"]


def test_a_hardened_system_is_found_mended_and_taken_back(guest: Guest) -> None:
    write(guest.root, HARDENING)
    mounts = ("fs-udf", "fs-vfat", "fs-iso9660")
    before = take_snapshot(guest.root)
    assert unmet(guest) == ["udf", "vfat", "iso9660"]
    assert loads(guest, *mounts) == [False] * 3

    assert guest.hvprep("prepare", "--only", STEPS, "--yes").status == 0
    assert diff_snapshots(before, take_snapshot(guest.root)) == [], "nothing without a word of permission"

    done = guest.hvprep("prepare", "--only", STEPS, "--yes", "--allow-hardening-change")
    assert done.status == 0, done
    assert unmet(guest) == []
    assert loads(guest, *mounts, FLOPPY) == [True, True, True, False]
    assert "install squashfs /bin/true\n" in (guest.root / "etc/modprobe.d/CIS.conf").read_text()
    package = "usr/lib/modprobe.d/50-hardening.conf"
    assert (guest.root / package).read_text() == HARDENING[package]

    assert guest.hvprep("rollback", "--yes").status == 0
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_the_drop_in_keeps_floppy_from_its_device(guest: Guest) -> None:
    assert loads(guest, FLOPPY) == [True]
    assert unmet(guest) == ["floppy-module"]
    assert guest.hvprep("prepare", "--only", STEPS, "--yes").status == 0
    assert loads(guest, FLOPPY) == [False]
    assert unmet(guest) == []


@pytest.mark.parametrize("is_hardened", [False, True])
def test_a_running_system_and_an_image_are_judged_alike(guest: Guest, is_hardened: bool) -> None:
    if is_hardened:
        write(guest.root, HARDENING)
    offline = guest.hvprep("check", "--only", STEPS, "--json")
    live = Running(guest.root).hvprep("check", "--only", STEPS, "--json")
    assert json.loads(live.output)["mode"] == "live"
    assert judged(offline) == judged(live)
