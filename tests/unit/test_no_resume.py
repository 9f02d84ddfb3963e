"""What keeps the initrds to come from resuming: the words that each generator understands."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

import pytest
from hvprep.facts.initrd_tools import Generator, InitrdTool
from hvprep.model.change import Write
from hvprep.model.finding import Note, Verdict
from hvprep.model.node import GuestPath
from hvprep.steps.initrd.maker import Swap
from hvprep.steps.initrd.makers import MAKERS
from hvprep.system.overlay import Overlay
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

TAKEN, STAYS, NONE = Swap(was=True, stays=False), Swap(was=False, stays=True), Swap(was=False, stays=False)
RESUME = "/etc/initramfs-tools/conf.d/resume"
MAIN = "file /etc/initramfs-tools/initramfs.conf\n|MODULES=most\n"
#: /usr/share/initramfs-tools/init of 0.130 and later, one line of it.
INIT = 'file /usr/share/initramfs-tools/init\n|if [ -n "${noresume}" ] || [ "$RESUME" = none ]; then\n'


def changes(root: Path, generator: Generator, swap: Swap) -> Dict[str, str]:
    """What is written, twice: the second time nothing."""
    tool = InitrdTool(generator, GuestPath("/usr/bin/generator"), "", "a test")
    view = Overlay(Root(root))
    found = {}
    for outcome in MAKERS[generator].plan_no_resume(view, tool, swap):
        assert isinstance(outcome, Write), outcome
        found[str(outcome.path)] = outcome.content.decode("utf-8", "surrogateescape")
        view.apply(outcome)
    assert list(MAKERS[generator].plan_no_resume(view, tool, swap)) == []
    return found


def conf(text: str, name: str = RESUME) -> str:
    return f"file {name}\n" + "".join(f"|{line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "swap", "written"),
    [
        (MAIN, NONE, None),
        (MAIN, TAKEN, "RESUME=none\n"),
        (MAIN, STAYS, "RESUME=none\n"),
        (MAIN + conf("RESUME=auto"), NONE, None),
        (MAIN + conf("RESUME=auto"), STAYS, "RESUME=none\n"),
        (MAIN + conf("RESUME="), TAKEN, "RESUME=none\n"),
        (MAIN + conf("RESUME=none"), TAKEN, None),
        (MAIN + conf("RESUME=none"), NONE, None),
        (MAIN + conf("RESUME=UUID=1-2"), NONE, "RESUME=none\n"),
        (
            MAIN + conf('# mine\nexport RESUME="UUID=1-2" # installer'),
            NONE,
            "# mine\nexport RESUME=none # installer\n",
        ),
        (MAIN + conf("RESUME=a\nRESUME=b"), NONE, "RESUME=none\nRESUME=none\n"),
        (MAIN + "|RESUME=/dev/sda2\n", NONE, "RESUME=none\n"),
        (MAIN + "|RESUME=/dev/sda2\n" + conf("NOTHING=1"), NONE, "NOTHING=1\nRESUME=none\n"),
        (MAIN + conf("RESUME=/dev/sda2", "/usr/share/initramfs-tools/conf.d/vendor"), NONE, "RESUME=none\n"),
        (MAIN + conf("RESUME=/dev/sda2", "/etc/initramfs-tools/conf.d/a.dpkg-old"), NONE, None),
        (MAIN + conf("RESUME=/dev/sda2", "/etc/initramfs-tools/conf.d/.hidden"), NONE, None),
    ],
)
def test_initramfs_tools(tmp_path: Path, text: str, swap: Swap, written: Optional[str]) -> None:
    add_to_tree(tmp_path, text + INIT)
    expected = {} if written is None else {RESUME: written}
    assert changes(tmp_path, Generator.INITRAMFS_TOOLS, swap) == expected


def test_every_file_that_names_a_device_is_edited(tmp_path: Path) -> None:
    other = "/etc/initramfs-tools/conf.d/zz"
    add_to_tree(tmp_path, MAIN + INIT + conf("RESUME=a\nMODULES=dep") + conf("RESUME=b", other))
    found = changes(tmp_path, Generator.INITRAMFS_TOOLS, NONE)
    assert found == {RESUME: "RESUME=none\nMODULES=dep\n", other: "RESUME=none\n"}


def test_a_file_in_etc_masks_one_of_its_name(tmp_path: Path) -> None:
    vendor = "/usr/share/initramfs-tools/conf.d/zz"
    add_to_tree(tmp_path, MAIN + INIT + conf("RESUME=a", vendor) + "file /etc/initramfs-tools/conf.d/zz\n")
    assert changes(tmp_path, Generator.INITRAMFS_TOOLS, NONE) == {}


@pytest.mark.parametrize("swap", [NONE, TAKEN])
def test_an_init_that_does_not_know_the_word(tmp_path: Path, swap: Swap) -> None:
    """Of Ubuntu 14.04: it would take none for a device."""
    add_to_tree(
        tmp_path, MAIN + conf("RESUME=UUID=1") + "file /usr/share/initramfs-tools/init\n|resume=${RESUME}\n"
    )
    assert changes(tmp_path, Generator.INITRAMFS_TOOLS, swap) == {RESUME: "RESUME=\n"}


@pytest.mark.parametrize(
    "line", ["RESUME=$(cat /x)", 'RESUME="$X"', "[ -e /x ] && RESUME=/dev/sda2 && Y=1", ". /x"]
)
def test_what_only_a_shell_can_tell_is_a_finding(tmp_path: Path, line: str) -> None:
    add_to_tree(tmp_path, MAIN + INIT + conf(f"{line}\n", "/etc/initramfs-tools/conf.d/zz"))
    tool = InitrdTool(Generator.INITRAMFS_TOOLS, GuestPath("/usr/sbin/mkinitramfs"), "", "a test")
    (note,) = MAKERS[tool.generator].plan_no_resume(Root(tmp_path), tool, TAKEN)
    assert isinstance(note, Note)
    assert note.verdict is Verdict.UNMET
    assert RESUME in (note.remedy or "")


def dracut(text: str) -> str:
    return "file /usr/bin/generator\n|#!/bin/bash\n|# /etc/dracut.conf.d\n" + text


DRACUT_LINE = 'omit_dracutmodules+=" resume "  # by hvprep: swap is on a disk that comes and goes\n'


@pytest.mark.parametrize("swap", [NONE, TAKEN])
def test_dracut_needs_no_word_where_no_swap_is(tmp_path: Path, swap: Swap) -> None:
    add_to_tree(tmp_path, dracut(""))
    assert changes(tmp_path, Generator.DRACUT, swap) == {}


def test_dracut_leaves_the_module_out_where_swap_comes_and_goes(tmp_path: Path) -> None:
    add_to_tree(tmp_path, dracut(""))
    assert changes(tmp_path, Generator.DRACUT, STAYS) == {
        "/etc/dracut.conf.d/90-hvprep-resume.conf": DRACUT_LINE
    }


def test_dracut_without_drop_ins(tmp_path: Path) -> None:
    add_to_tree(tmp_path, "file /usr/bin/generator\n|#!/bin/bash\nfile /etc/dracut.conf\n|# mine\n")
    assert changes(tmp_path, Generator.DRACUT, STAYS) == {"/etc/dracut.conf": "# mine\n" + DRACUT_LINE}


@pytest.mark.parametrize("path", ["/etc/dracut.conf", "/etc/dracut.conf.d/50-mine.conf"])
def test_words_that_dracut_puts_into_every_image(tmp_path: Path, path: str) -> None:
    text = '# resume\nkernel_cmdline="ro resume=UUID=1 noresume"\nkernel_cmdline+=" resume_offset=3 quiet "\n'
    add_to_tree(tmp_path, dracut("") + conf(text, path))
    edited = '# resume\nkernel_cmdline="ro noresume"\nkernel_cmdline+=" quiet "\n'
    assert changes(tmp_path, Generator.DRACUT, NONE) == {path: edited}


@pytest.mark.parametrize("line", ['add_dracutmodules+=" resume "', "#kernel_cmdline=resume=1", "a='"])
def test_other_lines_of_dracuts_configuration(tmp_path: Path, line: str) -> None:
    add_to_tree(tmp_path, dracut("") + conf(line, "/etc/dracut.conf"))
    assert changes(tmp_path, Generator.DRACUT, TAKEN) == {}


@pytest.mark.parametrize(
    "generator", sorted(set(Generator) - {Generator.DRACUT, Generator.INITRAMFS_TOOLS}, key=str)
)
def test_the_others_go_by_the_kernels_words(tmp_path: Path, generator: Generator) -> None:
    tmp_path.joinpath("etc").mkdir()
    for swap in (NONE, TAKEN, STAYS):
        assert changes(tmp_path, generator, swap) == {}
