"""programs: growpart, Python, OpenSSL and OMI, as files tell their versions."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest
from hvprep.model.finding import Verdict

from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

OMI = "file /opt/omi/bin/omiserver 755\n|x\n"


def omi(version: str) -> str:
    others = "|Package: ommi\n|Version: 1.0\n|\n|Package: omi\n|Status: install ok installed\n"
    return f"{OMI}file /var/lib/dpkg/status\n{others}|Version: {version}\n|\n|Package: zsh\n|Version: 9\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("debian-12", None),
        ("el-9", None),
        ("ubuntu-24.04", None),
        ("sles-15", "/usr/bin/python3 is 3.6, before 3.9"),
    ],
)
def test_systems_as_they_are_packaged(tmp_path: Path, name: str, words: Optional[str]) -> None:
    rig = Rig(make_tree(f"agents-{name}", tmp_path / "root"), only="programs")
    finding = rig.finding("programs")
    assert finding.because == (() if words is None else (words,))
    assert finding.verdict is (Verdict.MET if words is None else Verdict.UNMET)


@pytest.mark.parametrize(
    ("text", "verdict", "words"),
    [
        ("remove /usr/bin/growpart\n", Verdict.UNMET, "there is no growpart"),
        ("remove /usr/sbin/sfdisk\n", Verdict.UNMET, "/usr/bin/growpart works with sgdisk or sfdisk"),
        ("remove /usr/sbin/sfdisk\nelf /usr/sbin/sgdisk x86_64\n", Verdict.MET, ""),
        (
            "remove /usr/bin/growpart\nremove /usr/sbin/sfdisk\nelf /usr/bin/systemd-repart x86_64\n",
            Verdict.MET,
            "",
        ),
        ("remove /usr/bin/python3\n", Verdict.UNMET, "there is no python3"),
        ("remove /usr/bin/python3\nelf /usr/bin/python3 x86_64\n", Verdict.NOT_ASSESSED, "does not tell"),
        ("remove /usr/bin/openssl\n", Verdict.UNMET, "there is no openssl"),
        ("elf /usr/bin/openssl x86_64\n", Verdict.NOT_ASSESSED, "openssl does not tell its version"),
        ("file /usr/bin/openssl 755\n|OpenSSL 1.1.1k  FIPS 25 Mar 2021\n", Verdict.MET, ""),
        ("file /usr/bin/openssl 755\n|OpenSSL 1.0.2k-fips  26 Jan 2017\n", Verdict.MET, ""),
        ("file /usr/bin/openssl 755\n|OpenSSL 1.1.0l  10 Sep 2019\n", Verdict.UNMET, "is 1.1.0, neither"),
        ("file /usr/bin/openssl 755\n|OpenSSL 3.5.1 1 Jul 2025\n", Verdict.MET, ""),
        (omi("1.6.8.1"), Verdict.MET, ""),
        (omi("1.6.8-1"), Verdict.MET, ""),
        (omi("1.9.0.5"), Verdict.MET, ""),
        (omi("1.6.8.0"), Verdict.UNMET, "OMI is 1.6.8.0, which lets anybody in"),
        (OMI, Verdict.NOT_ASSESSED, "tells its version"),
    ],
)
def test_one_of_them(tmp_path: Path, text: str, verdict: Verdict, words: str) -> None:
    rig = Rig(make_tree("agents-el-9", tmp_path / "root"), only="programs")
    add_to_tree(rig.root, text)
    finding = rig.finding("programs")
    assert finding.verdict is verdict, finding
    assert words in "; ".join(finding.because)
