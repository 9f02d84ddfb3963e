"""check --html: one page with all that the report holds, whatever an image has in its files."""

from __future__ import annotations

import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.command import hvprep
from tests.trees.tree import make_tree

HOSTILE = b"<script>alert(1)</script>&amp;\"'\x1b[2J\xff\xed\xa0\x80"


class Reader(HTMLParser):
    """The elements of a page that are open at each text, their attributes, and the text."""

    VOID = ("meta",)

    def __init__(self) -> None:
        super().__init__()
        self.open: List[str] = []
        self.elements: List[Tuple[str, Dict[str, Optional[str]]]] = []
        self.text: Dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.text[tag] = self.text.get(tag, "") + data


def read_page(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == [], "everything is closed"
    return reader


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_tree("debian-12-initramfs-tools", tmp_path / "root")


def test_it_can_be_piped(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = hvprep("check", "--root", str(root), "--html", "-")
    assert (done.status, done.err) == (3, "")
    assert not Path("-").exists()
    page.write_text(done.out)
    assert read_page(page).text["h1"] == "Not ready for Azure: 3 requirements not met"


def test_all_of_the_report_is_on_it(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    before = take_snapshot(root, ("/run",))
    done = hvprep("check", "--root", str(root), "--html", str(page))
    assert (done.status, done.err) == (3, "")
    assert done.out == f"4 not met.\nThe report is in {page}.\n"
    assert diff_snapshots(before, take_snapshot(root, ("/run",))) == []
    report = json.loads(hvprep("check", "--root", str(root), "--json").out)
    text = read_page(page).text["body"]
    assert read_page(page).text["h1"] == "Not ready for Azure: 3 requirements not met"
    for finding in report["findings"]:
        assert finding["title"] in text
        for words in (*finding["because"], finding["remedy"], finding["source"]):
            assert words in text
        for change in finding["changes"]:
            for line in (change["diff"] or "").splitlines():
                assert line in text
    for fact in report["machine"]["kernels"]:
        assert fact["name"] in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("Image.Profile=hyperv\n", "Not ready for Hyper-V: 3 requirements not met"),
        ("Image.Profile=azure\n", "Not ready for Azure: 3 requirements not met"),
    ],
)
def test_the_verdict_names_the_place(root: Path, tmp_path: Path, settings: str, words: str) -> None:
    (root / "etc/hvprep.conf").write_text(settings)
    hvprep("check", "--root", str(root), "--html", str(tmp_path / "page"))
    assert read_page(tmp_path / "page").text["h1"] == words


@pytest.mark.parametrize(
    ("only", "status", "words"),
    [
        ("kernel-parameters", 3, "Not ready for Azure: 1 requirement not met"),
        ("serial-grub", 0, "Ready for Azure: all that is required is met"),
    ],
)
def test_the_verdict_goes_by_what_is_required(
    root: Path, tmp_path: Path, only: str, status: int, words: str
) -> None:
    done = hvprep("check", "--root", str(root), "--only", only, "--html", str(tmp_path / "page"))
    assert done.status == status
    assert read_page(tmp_path / "page").text["h1"] == words


def test_what_could_not_be_judged_is_not_called_ready(root: Path, tmp_path: Path) -> None:
    (root / "boot/grub/grub.cfg").write_text("if [ x\n")
    done = hvprep(
        "check", "--root", str(root), "--only", "kernel-parameters", "--html", str(tmp_path / "page")
    )
    assert done.status in (0, 3)
    assert not read_page(tmp_path / "page").text["h1"].startswith("Ready")


def test_it_asks_nobody_for_anything(root: Path, tmp_path: Path) -> None:
    hvprep("check", "--root", str(root), "--html", str(tmp_path / "page"))
    reader = read_page(tmp_path / "page")
    assert {tag for tag, _ in reader.elements}.isdisjoint(
        ("script", "link", "img", "iframe", "object", "base")
    )
    names = {name for _, attributes in reader.elements for name in attributes}
    assert names.isdisjoint(("src", "href", "action", "onload", "onclick", "style"))
    assert "url(" not in reader.text["style"]
    assert "@import" not in reader.text["style"]


def test_what_an_image_says_is_text(root: Path, tmp_path: Path) -> None:
    path = root / "boot/grub/grub.cfg"
    path.write_bytes(
        path.read_bytes().replace(b"'Debian GNU/Linux'", b'"Debian ' + HOSTILE.replace(b'"', b"") + b'"')
    )
    hvprep("check", "--root", str(root), "--html", str(tmp_path / "page"))
    content = (tmp_path / "page").read_bytes()
    assert b"<script" not in content
    assert b"\x1b" not in content
    text = read_page(tmp_path / "page").text["body"]
    assert "Debian <script>alert(1)</script>&amp;" in text
    assert re.search(r"\\x1b\[2J", text)


def test_the_file_is_the_users_alone_and_replaces_an_old_one(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_text("old")
    hvprep("check", "--root", str(root), "--html", str(page))
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert read_page(page).text["h1"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--json", "--html", "x"), "not allowed with argument --json"),
        (("--list", "--html", "x"), "--list does not go with --html"),
    ],
)
def test_contradictions(root: Path, words: Tuple[str, ...], said: str) -> None:
    done = hvprep("check", "--root", str(root), *words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_a_file_that_cannot_be_written(root: Path, tmp_path: Path) -> None:
    done = hvprep("check", "--root", str(root), "--html", str(tmp_path))
    assert done.status == 2
    assert f"{tmp_path} is not a regular file" in done.err
    done = hvprep("check", "--root", str(root), "--html", str(tmp_path / "no/such"))
    assert done.status == 2
    assert f"there is no directory {tmp_path / 'no'}" in done.err
    assert not (tmp_path / "no").exists()
