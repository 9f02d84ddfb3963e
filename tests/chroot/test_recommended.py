"""The real chronyd, udevadm, sudo and visudo, on what is written for them."""

from __future__ import annotations

import contextlib
import shutil
from typing import Iterator, List

import pytest

from tests.chroot.guest import CHECKOUT, Guest, overlaid_guest
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

CLOUD, NEW = "bookworm-cloud", "trixie-initramfs-tools"
CLOCK = "refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0 stratum 2"


@contextlib.contextmanager
def system(name: str) -> Iterator[Guest]:
    """Without kernels: nothing here asks for them, and initrds take long to read."""
    with overlaid_guest(pristine_root(name)) as guest:
        for path in (guest.root / "boot").glob("*-amd64"):
            path.unlink()
        yield guest


def prepare(guest: Guest, step: str) -> List[str]:
    """The files that prepare changed; it is met then."""
    before = take_snapshot(guest.root)
    done = guest.hvprep("prepare", "--yes", "--only", step)
    assert done.status == 0, done
    (found,) = guest.report(step)["findings"]
    assert found["verdict"] == "met", found
    after = take_snapshot(guest.root)
    changed = (path for path in {*before, *after} if before.get(path) != after.get(path))
    return sorted(path for path in changed if (guest.root / path[1:]).is_file())


def chrony_directives(guest: Guest, name: str) -> List[str]:
    """What chronyd itself makes of its configuration."""
    lines = guest.tool("/usr/sbin/chronyd", "-p", "-f", "/etc/chrony/chrony.conf").splitlines()
    return [line for line in lines if line.split()[:1] == [name]]


def test_chronyd_reads_the_clock_and_the_step() -> None:
    with system(CLOUD) as guest:
        before = take_snapshot(guest.root)
        assert chrony_directives(guest, "refclock") == []
        assert prepare(guest, "time-sync") == ["/etc/chrony/chrony.conf", "/etc/chrony/conf.d/hvprep.conf"]
        assert chrony_directives(guest, "refclock") == [CLOCK]
        assert chrony_directives(guest, "makestep")[-1] == "makestep 1.0 -1"
        assert guest.hvprep("rollback", "--yes").status == 0
        assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_chronyd_reads_it_from_a_configuration_without_drop_ins() -> None:
    with system(CLOUD) as guest:
        path = guest.root / "etc/chrony/chrony.conf"
        path.write_text(path.read_text().replace("confdir", "#confdir"))
        assert prepare(guest, "time-sync") == ["/etc/chrony/chrony.conf"]
        assert chrony_directives(guest, "refclock") == [CLOCK]
        assert chrony_directives(guest, "makestep")[-1] == "makestep 1.0 -1"


def test_debian_with_waagent_has_its_rules_already() -> None:
    with system(CLOUD) as guest:
        (found,) = guest.report("udev")["findings"]
        assert all("/usr/lib/udev/rules.d/" in x or "waagent" in x for x in found["because"]), found


def test_udev_accepts_the_rules() -> None:
    """udevadm verify came with version 254."""
    with system(NEW) as guest:
        assert prepare(guest, "udev") == ["/etc/udev/rules.d/66-hvprep-azure.rules"]
        shutil.copy(CHECKOUT / "conf/68-hvprep-sriov.rules", guest.root / "etc/udev/rules.d")
        assert "Fail:    0" in guest.tool("udevadm", "verify", "/etc/udev/rules.d/")


SUSE = "Defaults targetpw # root's\nALL ALL=(ALL) ALL # only with targetpw\n"


def test_sudo_asks_for_ones_own_password() -> None:
    with system(CLOUD) as guest:
        path = guest.root / "etc/sudoers"
        path.write_text(SUSE + path.read_text())
        (guest.root / "etc/sudoers.d/10-ann").write_text(
            "Defaults:nobody rootpw, env_reset\nnobody ALL=(ALL) ALL\n"
        )
        (guest.root / "etc/sudoers.d/10-ann").chmod(0o440)
        assert "targetpw" in guest.tool("sudo", "-l", "-U", "nobody")
        assert prepare(guest, "sudo-targetpw") == ["/etc/sudoers", "/etc/sudoers.d/10-ann"]
        guest.tool("visudo", "-c")
        shown = guest.tool("sudo", "-l", "-U", "nobody")
        assert "targetpw" not in shown
        assert "rootpw" not in shown
        assert "(ALL) ALL" in shown, "what was given to one stays"
        assert "not allowed" in guest.tool("sudo", "-l", "-U", "daemon"), "what was for everybody is gone"


@pytest.mark.parametrize("text", ["Defaults nosuchoption\nroot ALL=\n", "Defaults env_reset,\nx\n"])
def test_visudo_keeps_a_broken_file_out(text: str) -> None:
    """Broken before: what we would write is refused too, and nothing changes."""
    with system(CLOUD) as guest:
        path = guest.root / "etc/sudoers"
        path.write_text(SUSE + path.read_text() + text)
        before = take_snapshot(guest.root)
        done = guest.hvprep("prepare", "--yes", "--only", "sudo-targetpw")
        assert done.status == 1, done
        assert "visudo" in done.errors
        assert diff_snapshots(before, take_snapshot(guest.root)) == []
