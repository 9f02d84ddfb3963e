"""Entries that differ in their parameters, as recovery, rescue and debug entries always do: each is judged by
its own words and gets what it lacks, and none of its words is lost or handed to another one."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from hvprep.errors import ChangeFailed
from hvprep.formats import bls, extlinux, grub_cfg, grub_legacy
from hvprep.model.finding import Verdict

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import RUNNING, Rig
from tests.trees.tree import make_tree

OURS = ["console=ttyS0,115200n8", "earlyprintk=ttyS0,115200", "rootdelay=300"]
CFG = "boot/grub/grub.cfg"
#: By tree, where its entries stand.
MENUS = {
    "el-7-bios": "boot/grub2/grub.cfg",
    "el-9": "boot/loader/entries/*.conf",
    "fedora-41": "boot/loader/entries/*.conf",
    "el-6-xen": "boot/grub/grub.conf",
    "debian-12-systemd-boot": "efi/loader/entries/*.conf",
    "arch-systemd-boot": "boot/loader/entries/*.conf",
    "alpine-extlinux": "boot/extlinux.conf",
}


def words_of(rig: Rig, pattern: str) -> Dict[str, List[str]]:
    """The words of every entry that loads Linux, by its title."""
    found: Dict[str, List[str]] = {}
    for path in sorted(rig.root.glob(pattern)):
        text = path.read_text()
        if path.name == "grub.cfg":
            lines = [
                (entry.title[-1], line)
                for entry in grub_cfg.parse(text).entries
                for line in entry.linux_lines
            ]
            found.update({title: [*line.words] for title, line in lines})
        elif path.name == "grub.conf":
            stanzas = [each for each in grub_legacy.parse(text).stanzas if each.linux]
            found.update({each.title: [*each.linux.words] for each in stanzas if each.linux})
        elif path.name == "extlinux.conf":
            found.update({each.label: [*each.words] for each in extlinux.parse(text).entries if each.kernel})
        else:
            found[path.name] = [*bls.parse(text).options]
    return found


def sorted_out(words: List[str]) -> List[str]:
    """Without what has to go, and what is ours."""
    ours = (
        "console=ttyS0",
        "earlyprintk=",
        "rootdelay=",
        "quiet",
        "splash",
        "rhgb",
        "crashkernel=auto",
        "resume=",
    )
    return [word for word in words if not word.startswith(ours)]


@pytest.mark.parametrize("name", MENUS)
def test_each_keeps_its_own_words(name: str, tmp_path: Path) -> None:
    rig = Rig(make_tree(name, tmp_path / "root"))
    for path in sorted(rig.root.glob(MENUS[name])):
        text = path.read_text()
        for number, line in enumerate(text.splitlines()):
            # Each gets a word of its own, before its root=.
            if " root=" in line and not line.startswith("#"):
                text = text.replace(line, line.replace(" root=", f" own{path.name}.{number} root=", 1), 1)
        path.write_text(text)
    before = words_of(rig, MENUS[name])
    assert len({tuple(words) for words in before.values()}) == len(before), "they differ"
    finding = rig.finding("kernel-parameters")
    assert finding.verdict is Verdict.UNMET
    rig.prepare("kernel-parameters")
    after = words_of(rig, MENUS[name])
    assert list(after) == list(before)
    for title, words in after.items():
        assert sorted_out(words) == sorted_out(before[title]), title
        assert set(OURS) <= set(words), title
    assert rig.plan("kernel-parameters").changes == ()


@pytest.fixture
def debian(tmp_path: Path) -> Rig:
    """Somebody wrote a word into one entry of a grub.cfg that is generated."""
    rig = Rig(make_tree("debian-12-initramfs-tools", tmp_path / "root"))
    path = rig.root / CFG
    path.write_text(path.read_text().replace(" ro  quiet", " ro nomodeset quiet", 1))
    return rig


def test_on_an_image_a_word_of_one_entry_stays_in_a_generated_file(debian: Rig) -> None:
    before = take_snapshot(debian.root)
    debian.prepare()
    entries = grub_cfg.parse((debian.root / CFG).read_text()).entries
    assert [line.words.count("nomodeset") for entry in entries for line in entry.linux_lines] == [1, 0, 0]
    assert any(
        "loses nomodeset, which stands in no file that it is made from" in said for said in debian.said
    )
    assert debian.plan().changes == ()
    debian.rollback()
    assert diff_snapshots(before, take_snapshot(debian.root)) == []


def test_on_a_running_machine_nothing_changes_and_the_word_is_named(debian: Rig) -> None:
    (debian.root / "etc/fstab").write_text("LABEL=x / ext4 defaults 0 1\n")
    debian.live = RUNNING
    before = take_snapshot(debian.root)
    with pytest.raises(ChangeFailed, match='entry "Debian GNU/Linux" loses nomodeset, .* /etc/default/grub'):
        debian.prepare()
    assert diff_snapshots(before, take_snapshot(debian.root)) == []


def test_words_that_stand_in_default_grub_too_are_no_loss(debian: Rig) -> None:
    """As after an update-grub that was forgotten."""
    default = debian.root / "etc/default/grub"
    default.write_text(default.read_text().replace('="quiet splash"', '="nomodeset quiet splash"'))
    debian.live = RUNNING
    (debian.root / "etc/fstab").write_text("LABEL=x / ext4 defaults 0 1\n")
    debian.prepare()
    assert (debian.root / CFG).read_text().count("nomodeset") == 2, "not in the recovery entry"
