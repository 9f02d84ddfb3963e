"""The real grub-mkconfig and grub-script-check: a menu on the serial port."""

from __future__ import annotations

import re
from typing import List

import pytest

from tests.chroot.guest import Guest, overlaid_guest
from tests.roots import copied_root, pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

SYSTEM = "bookworm-initramfs-tools"
ONLY = ("--yes", "--only", "serial-grub")
SERIAL = [
    "serial --speed=115200 --unit=0 --word=8 --parity=no --stop=1",
    "terminal_input console serial",
    "terminal_output console serial",
]


def commands(guest: Guest) -> List[str]:
    """What grub.cfg says of terminals, the last of each command, in their order."""
    text = (guest.root / "boot/grub/grub.cfg").read_text()
    found = re.findall(r"^(?:serial|terminal_\w+) .*$", text, re.MULTILINE)
    return [
        line for i, line in enumerate(found) if line.split()[0] not in {x.split()[0] for x in found[i + 1 :]}
    ]


def times(guest: Guest) -> List[str]:
    text = (guest.root / "boot/grub/grub.cfg").read_text()
    return sorted(set(re.findall(r"^\s*set (timeout\S*)$", text, re.MULTILINE)))


@pytest.mark.parametrize("system", [SYSTEM, "trixie-initramfs-tools"])
def test_a_generated_menu_is_on_the_serial_port(system: str) -> None:
    with overlaid_guest(pristine_root(system), one_disk=True) as guest:
        before = take_snapshot(guest.root)
        done = guest.hvprep("prepare", *ONLY)
        assert done.status == 0, done
        assert commands(guest) == SERIAL
        assert "gfxterm" not in (guest.root / "boot/grub/grub.cfg").read_text()
        guest.tool("grub-script-check", "/boot/grub/grub.cfg")
        guest.tool("update-grub")
        assert commands(guest) == SERIAL
        assert guest.hvprep("prepare", *ONLY).output.startswith("Nothing to change.")
        assert guest.hvprep("rollback", "--yes").status == 0
        lines = diff_snapshots(before, take_snapshot(guest.root))
        assert lines == []


def test_a_hidden_menu_is_shown() -> None:
    with overlaid_guest(pristine_root(SYSTEM), one_disk=True) as guest:
        cloud = guest.root / "etc/default/grub.d/50-cloudimg-settings.cfg"
        cloud.write_text("GRUB_TIMEOUT=0\nGRUB_TIMEOUT_STYLE=hidden\nGRUB_RECORDFAIL_TIMEOUT=0\n")
        guest.tool("update-grub")
        assert times(guest) == ["timeout=0", "timeout_style=hidden"]
        assert guest.hvprep("prepare", *ONLY).status == 0
        assert times(guest) == ["timeout=5", "timeout_style=menu"]
        assert commands(guest) == SERIAL


def test_a_terminal_that_grub_mkconfig_does_not_know_is_mended() -> None:
    """Amazon's ec2-console, on a system that came from there: the real grub-mkconfig ends with 1."""
    with overlaid_guest(pristine_root(SYSTEM), one_disk=True) as guest:
        defaults = guest.root / "etc/default/grub"
        defaults.write_text(defaults.read_text() + 'GRUB_TERMINAL="ec2-console"\n')
        assert "Invalid output terminal" in guest.inside("update-grub").errors
        assert guest.hvprep("prepare", *ONLY).status == 0
        guest.tool("update-grub")
        assert commands(guest) == SERIAL


def test_on_an_image_the_old_header_is_edited() -> None:
    """In a plain directory grub-probe answers for the builder's disk: the candidate is not used."""
    with copied_root(SYSTEM) as root:
        guest = Guest(root)
        path = root / "boot/grub/grub.cfg"
        text = path.read_text()
        path.write_text(text.replace("timeout_style=menu", "timeout_style=hidden"))
        old = path.read_text().splitlines()
        done = guest.hvprep("prepare", *ONLY)
        assert done.status == 0, done
        assert commands(guest) == SERIAL
        guest.tool("grub-script-check", "/boot/grub/grub.cfg")
        kept = [line for line in path.read_text().splitlines() if line not in SERIAL]
        assert kept == text.splitlines() != old
        assert guest.verdicts()["serial-grub"] == "met"
