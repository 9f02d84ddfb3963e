"""The names of a machine in all their places: host name, machine id, boot entries; and what hvprep kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trees.deprovisioning import ID, changed, text
from tests.trees.generalised import clean_system
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree

SYSTEMD = "file /usr/lib/systemd/system/basic.target\n|[Unit]\n"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return clean_system(tmp_path)


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("etc/hostname", "builder\n", "localhost\n"),
        ("etc/HOSTNAME", "builder\n", "localhost\n"),
        (
            "etc/sysconfig/network",
            'NETWORKING=yes\nHOSTNAME="builder" # ours\nX=1\n',
            "NETWORKING=yes\nHOSTNAME=localhost\nX=1\n",
        ),
    ],
)
def test_every_place_of_a_host_name(rig: Rig, path: str, before: str, after: str) -> None:
    add_to_tree(rig.root, "remove /etc/hostname\nfile /etc/mailname\n|builder\n")
    add_to_tree(rig.root, "file /etc/hosts\n|127.0.0.1 localhost localhost.localdomain\n|127.0.1.1 builder\n")
    (rig.root / path).parent.mkdir(exist_ok=True)
    (rig.root / path).write_text(before)
    changed(rig)
    assert text(rig, path) == after
    assert text(rig, "etc/mailname") == "localhost\n"
    assert text(rig, "etc/hosts") == "127.0.0.1 localhost localhost.localdomain\n"


def test_a_neutral_name_stays(rig: Rig) -> None:
    add_to_tree(rig.root, "file /etc/hostname\n|localhost\nfile /etc/mailname\n|mail.example\n")
    add_to_tree(rig.root, "file /etc/sysconfig/network\n|HOSTNAME=localhost\n")
    assert changed(rig) == []


def test_a_machine_id_that_is_none_yet_stays(rig: Rig) -> None:
    add_to_tree(rig.root, f"{SYSTEMD}file /etc/machine-id 444\n|uninitialized\n")
    assert changed(rig) == []


def test_without_systemd_the_id_of_d_bus_goes(rig: Rig) -> None:
    add_to_tree(rig.root, f"remove /usr/lib/systemd\nfile /var/lib/dbus/machine-id\n|{ID}\n")
    assert changed(rig) == ["removed /var/lib/dbus/machine-id"]


def test_places_of_boot_entries(rig: Rig) -> None:
    entry = f"|title x\n|options ro systemd.machine_id={ID} systemd.machine_id=mine\n|linux /linux\n"
    add_to_tree(
        rig.root,
        f"file /boot/efi/loader/entries/{ID}-1.conf\n{entry}"
        f"grubenv /boot/grub/grubenv\n|saved_entry={ID}-1\n"
        f"grubenv /boot/efi/EFI/debian/grubenv\n|saved_entry={ID}-1\n"
        f"file /etc/kernel/cmdline\n|root=/dev/vda1 systemd.machine_id={ID} ro\n",
    )
    changed(rig)
    edited = "title x\noptions ro systemd.machine_id=mine\nlinux /linux\n"
    assert text(rig, "boot/efi/loader/entries/Image-1.conf") == edited
    for path in ("boot/grub/grubenv", "boot/efi/EFI/debian/grubenv"):
        assert "saved_entry=Image-1\n" in text(rig, path)
    assert text(rig, "etc/kernel/cmdline") == "root=/dev/vda1 ro\n"


@pytest.mark.parametrize(
    "place", ["/boot", "/boot/a", "/boot/a/b", "/boot/a/b/c", "/efi", "/efi/a", "/efi/a/b"]
)
def test_backups_go(rig: Rig, place: str) -> None:
    add_to_tree(rig.root, f"file {place}/x.hvprep-old\n|before\nfile {place}/x\n|now\n")
    assert changed(rig) == [f"removed {place}/x.hvprep-old"]


def test_our_own_state_goes_but_for_the_lock(rig: Rig) -> None:
    add_to_tree(rig.root, "dir /var/lib/hvprep/journal 0700\nfile /var/lib/hvprep/lock 0600\n")
    assert changed(rig) == [], "there is nothing in them"
    add_to_tree(
        rig.root, "file /var/lib/hvprep/memo 0600\n|x\nfile /var/lib/hvprep/journal/0001/log.jsonl\n|x\n"
    )
    lines = changed(rig)
    assert {"removed /var/lib/hvprep/memo", "removed /var/lib/hvprep/journal"} <= set(lines)
    assert (rig.root / "var/lib/hvprep/lock").exists()


@pytest.mark.parametrize(
    "name", ["systemd-private-1-x", "snap-private-tmp", ".X11-unix", ".ICE-unix", ".XIM-unix", ".font-unix"]
)
def test_what_programs_have_in_tmp_for_themselves_stays(rig: Rig, name: str) -> None:
    add_to_tree(rig.root, f"dir /tmp/{name}\ndir /tmp/other\n")
    assert changed(rig) == ["removed /tmp/other"]


@pytest.mark.parametrize("agent", ["cloudconfig", "hvprep"])
def test_lines_that_an_agent_wrote_into_fstab(rig: Rig, agent: str) -> None:
    kept = "UUID=1 / ext4 defaults,comment=root 0 1\n"
    (rig.root / "etc/fstab").write_text(f"{kept}/dev/sdb1 /mnt auto nofail,comment={agent} 0 2\n")
    changed(rig)
    assert text(rig, "etc/fstab") == kept
