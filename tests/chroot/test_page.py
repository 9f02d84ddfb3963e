"""check --html in a real browser: the report of a real system, on a screen, on a phone and on paper."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.chroot.guest import Guest, overlaid_guest
from tests.roots import pristine_root

#: No sandbox (we are root), and nobody is called.
CHROMIUM = (
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
SIZES = {"screen": (1280, 1000), "phone": (360, 740)}
#: What the browser made of it; only the test has a script, in a copy without the policy that forbids it.
MEASURE = """<script>
const width = document.documentElement.clientWidth, wide = [];
for (const each of document.querySelectorAll("body *"))
  if (each.getBoundingClientRect().right > width + 1)
    wide.push(each.tagName + " " + each.textContent.slice(0, 60));
const style = (name) => getComputedStyle(document.querySelector(name));
document.title = JSON.stringify({width, scroll: document.documentElement.scrollWidth, wide,
  top: document.querySelector("h1").getBoundingClientRect().top,
  h1: style("h1").color, body: style("body").color});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The whole report of a Debian 12 that was not prepared."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    with overlaid_guest(pristine_root("bookworm-initramfs-tools")) as guest:
        whole = Guest(guest.root, is_whole=True)
        done = whole.hvprep("check", "--html", str(path))
        assert (done.status, done.errors) == (3, "")
        assert done.output.endswith(f"The report is in {path}.\n")
        yield path


def browse(profile: Path, *words: str) -> str:
    argv = [*CHROMIUM, f"--user-data-dir={profile}", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def measured(page: Path, tmp_path: Path, size: str) -> str:
    copy = tmp_path / "measured.html"
    text = re.sub(r"<meta http-equiv=[^>]*>", "", page.read_text())
    copy.write_text(text.replace("</body>", f"{MEASURE}</body>"))
    width, height = SIZES[size]
    dom = browse(tmp_path / "profile", f"--window-size={width},{height}", "--dump-dom", f"file://{copy}")
    found = re.search("<title>(.*?)</title>", dom, re.S)
    assert found
    return found[1].replace("&quot;", '"').replace("&amp;", "&")


@pytest.mark.parametrize("size", SIZES)
def test_it_fits_and_says_the_verdict_first(page: Path, tmp_path: Path, size: str) -> None:
    figures = json.loads(measured(page, tmp_path, size))
    assert figures["wide"] == [], "nothing reaches beyond the window"
    assert figures["scroll"] <= figures["width"]
    assert figures["top"] < 60, "the verdict is at the top"
    assert figures["h1"] != figures["body"], "and in its colour: the style sheet was taken"


@pytest.mark.parametrize("size", SIZES)
def test_it_is_drawn(page: Path, tmp_path: Path, size: str) -> None:
    """A picture that is not empty: a PNG of one colour is a few kB."""
    width, height = SIZES[size]
    picture = tmp_path / "picture.png"
    browse(
        tmp_path / "profile", f"--window-size={width},{height}", f"--screenshot={picture}", f"file://{page}"
    )
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size > 20_000


def test_all_of_it_is_on_paper(page: Path, tmp_path: Path) -> None:
    paper = tmp_path / "paper.pdf"
    browse(tmp_path / "profile", f"--print-to-pdf={paper}", "--no-pdf-header-footer", f"file://{page}")
    argv = ["pdftotext", "-layout", str(paper), "-"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert text.lstrip().startswith("Not ready for Azure")
    for words in (
        "+hv_vmbus",
        "What to do:",
        "/etc/initramfs-tools/modules",
        "The machine",
        "initrd-drivers",
    ):
        assert words in text
    assert not missing(page, text)


def missing(page: Path, text: str) -> List[str]:
    """The ids of the page that are not on paper."""
    return [
        name
        for name in re.findall(r'<article class="row" id="([^"]+)"', page.read_text())
        if name not in text
    ]
