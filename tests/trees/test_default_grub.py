"""/etc/default/grub in every shape that people have written: read as sh reads it, edited by word.

Each is proven by a real shell: the stand-in for grub-mkconfig sources the files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

import pytest
from hvprep.formats.kernel_cmdline import parse

from tests.snapshot import diff_snapshots, take_snapshot
from tests.trees.rig import Rig
from tests.trees.tree import add_to_tree, make_tree

OURS = ["console=ttyS0,115200n8", "earlyprintk=ttyS0,115200", "rootdelay=300"]
DEFAULT = "etc/default/grub"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(make_tree("debian-12-initramfs-tools", tmp_path / "root"))


def write_default(rig: Rig, content: bytes) -> None:
    """What the administrator wrote, and the grub.cfg that came of it."""
    (rig.root / DEFAULT).write_bytes(content)
    rig.machine().runner.check(("/usr/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg"), 30)


def entries(rig: Rig) -> List[List[str]]:
    """The words of each kernel line of grub.cfg, from root= on."""
    lines = (rig.root / "boot/grub/grub.cfg").read_text().splitlines()
    found = [list(parse(line).words) for line in lines if re.match(r"\s*linux\s", line)]
    return [words[words.index("ro") + 1 :] for words in found]


def simple(rig: Rig) -> List[str]:
    return entries(rig)[0]


def recovery(rig: Rig) -> List[str]:
    return entries(rig)[-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('GRUB_CMDLINE_LINUX="net.ifnames=0"\n', ["net.ifnames=0"]),
        ("GRUB_CMDLINE_LINUX='net.ifnames=0 quiet'\n", ["net.ifnames=0"]),
        ('GRUB_CMDLINE_LINUX="net.ifnames=0 \\\nquiet biosdevname=0"\n', ["net.ifnames=0", "biosdevname=0"]),
        ("GRUB_CMDLINE_LINUX=net.ifnames=0\\\n\n", ["net.ifnames=0"]),
        ('EXTRA=audit=1\nGRUB_CMDLINE_LINUX="$EXTRA quiet"\n', ["audit=1"]),
        ('EXTRA=audit=1\nGRUB_CMDLINE_LINUX="${EXTRA} rhgb"\n', ["audit=1"]),
        ('GRUB_CMDLINE_LINUX="`echo audit=1` quiet"\n', ["audit=1"]),
        ('GRUB_CMDLINE_LINUX="a=1"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX b=2"\n', ["a=1", "b=2"]),
        ('GRUB_CMDLINE_LINUX="a=1 quiet" # "quiet" is not wanted\n', ["a=1"]),
        ('export GRUB_CMDLINE_LINUX="a=1 quiet"\n', ["a=1"]),
        ('GRUB_CMDLINE_LINUX="a=1"\' b=2 quiet\'\n', ["a=1", "b=2"]),
        ('GRUB_CMDLINE_LINUX="a=1 crashkernel=auto"\n', ["a=1"]),
        ('GRUB_CMDLINE_LINUX="a=1 crashkernel=256M"\n', ["a=1", "crashkernel=256M"]),
        ('GRUB_CMDLINE_LINUX="dyndbg=\\"file x +p\\" quiet"\n', ["dyndbg=file x +p"]),
        ('GRUB_CMDLINE_LINUX="a=1', ["a=1"]),
    ],
    ids=[
        "double quotes", "single quotes", "continued line", "continued at the end", "variable", "braces",
        "command", "appends to itself", "comment", "export", "quotes in a row", "crashkernel=auto",
        "crashkernel=256M", "quotes within", "no final newline",
    ],
)  # fmt: skip
def test_words_that_are_not_ours_stay_in_their_order(rig: Rig, text: str, words: List[str]) -> None:
    if text.count('"') == 1:
        text += '"'  # and no newline after it
    write_default(rig, text.encode() + (b"" if not text.endswith("\n") else b"GRUB_TIMEOUT=5\n"))
    before = take_snapshot(rig.root)
    rig.prepare()
    assert [word.replace('"', "") for word in simple(rig)] == [*words, *OURS]
    assert rig.plan().changes == ()
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'\xef\xbb\xbfGRUB_CMDLINE_LINUX="a=1 quiet"\n', "line 1 begins with a byte order mark"),
        (b'GRUB_TIMEOUT=5\r\nGRUB_CMDLINE_LINUX="a=1 quiet"\r\n', "line 1 ends with CRLF"),
        (b'GRUB_CMDLINE_LINUX="a=1\n', "line 1"),
        (b"GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX='a=1\n", "line 2"),
    ],
    ids=["byte order mark", "CRLF", "double quote", "single quote"],
)
def test_a_file_that_sh_does_not_read_as_it_looks_is_told_and_not_touched(
    rig: Rig, content: bytes, says: str
) -> None:
    """grub-mkconfig (set -e) ends at such a file too: its owner has to mend it."""
    (rig.root / DEFAULT).write_bytes(content)
    before = take_snapshot(rig.root)
    finding = rig.finding("kernel-parameters")
    assert finding.verdict.value == "not assessed"
    assert finding.changes == ()
    (reason,) = finding.because
    assert reason.startswith("/etc/default/grub: ")
    assert says in reason
    assert "\n" not in reason
    assert finding.remedy
    rig.prepare("kernel-parameters")
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_parameter_in_both_variables_is_there_once(rig: Rig) -> None:
    write_default(
        rig,
        b'GRUB_CMDLINE_LINUX_DEFAULT="quiet rootdelay=5 b=2"\nGRUB_CMDLINE_LINUX="a=1 rootdelay=10 quiet"\n',
    )
    rig.prepare()
    assert simple(rig) == ["a=1", *OURS, "b=2"]
    assert recovery(rig) == ["single", "a=1", *OURS]


def test_a_console_in_default_moves_before_ours(rig: Rig) -> None:
    """GRUB_CMDLINE_LINUX_DEFAULT comes last on the line: its console would be /dev/console."""
    write_default(
        rig, b'GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 b=2"\nGRUB_CMDLINE_LINUX="console=hvc0 a=1"\n'
    )
    rig.prepare()
    consoles = [word for word in simple(rig) if word.startswith("console=")]
    assert sorted(consoles) == ["console=hvc0", "console=tty0", "console=ttyS0,115200n8"]
    assert consoles[-1] == "console=ttyS0,115200n8"
    assert recovery(rig)[-4:] == ["console=tty0", *OURS]
    assert simple(rig)[-1] == "b=2"


def test_another_value_of_ours_is_replaced_not_doubled(rig: Rig) -> None:
    write_default(
        rig,
        b'GRUB_CMDLINE_LINUX="console=ttyS0,9600n81 rootdelay=10 earlyprintk=serial rootdelay=20 x=1"\n',
    )
    rig.prepare()
    assert simple(rig) == ["x=1", *OURS]


def test_a_drop_in_of_the_image_that_sets_everything_anew(rig: Rig) -> None:
    drop_in = 'file /etc/default/grub.d/zz-site.cfg\n|GRUB_CMDLINE_LINUX="audit=1 quiet"\n'
    add_to_tree(rig.root, drop_in)
    write_default(rig, b'GRUB_CMDLINE_LINUX="a=1"\n')
    before = take_snapshot(rig.root)
    rig.prepare()
    assert (rig.root / "etc/default/grub.d/zzzz-hvprep.cfg").exists()
    assert simple(rig) == ["audit=1", *OURS]
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_a_drop_in_that_nothing_can_come_after(rig: Rig) -> None:
    add_to_tree(rig.root, 'file /etc/default/grub.d/zzzzz.cfg\n|GRUB_CMDLINE_LINUX="audit=1 quiet"\n')
    finding = rig.finding("kernel-parameters")
    assert (
        "another file after ours sets GRUB_CMDLINE_LINUX anew, so our words would be lost" in finding.because
    )


def test_a_word_that_the_administrator_adds_later_reaches_the_next_grub_cfg(rig: Rig) -> None:
    rig.prepare()
    text = (rig.root / DEFAULT).read_text()
    (rig.root / DEFAULT).write_text(
        text.replace('GRUB_CMDLINE_LINUX=""', 'GRUB_CMDLINE_LINUX="mitigations=off"')
    )
    rig.machine().runner.check(("/usr/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg"), 30)
    assert simple(rig) == ["mitigations=off", *OURS]
    assert rig.plan().changes == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('GRUB_CMDLINE_LINUX="a=1"', 'GRUB_CMDLINE_LINUX="a=1 @"'),
        ('GRUB_CMDLINE_LINUX=""\n', 'GRUB_CMDLINE_LINUX="@"\n'),
        ("GRUB_CMDLINE_LINUX='a=1 quiet ' # mine\nA=1\n", "GRUB_CMDLINE_LINUX='a=1 @' # mine\nA=1\n"),
        (
            'GRUB_CMDLINE_LINUX="x"\nGRUB_CMDLINE_LINUX="a=1 rootdelay=5"\n',
            'GRUB_CMDLINE_LINUX="x"\nGRUB_CMDLINE_LINUX="a=1 @"\n',
        ),
        (
            'GRUB_CMDLINE_LINUX="a=1"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX b=2"',
            'GRUB_CMDLINE_LINUX="a=1"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX b=2"\n+',
        ),
        ("GRUB_CMDLINE_LINUX=a=1\n", "GRUB_CMDLINE_LINUX=a=1\n+"),
        ('GRUB_CMDLINE_LINUX="a=1 \\\n b=2"\n', 'GRUB_CMDLINE_LINUX="a=1 \\\n b=2"\n+'),
        ('[ -n "$X" ] || GRUB_CMDLINE_LINUX="a=1"\n', '[ -n "$X" ] || GRUB_CMDLINE_LINUX="a=1"\n+'),
        ('if :; then\nGRUB_CMDLINE_LINUX="a=1"\nfi\n', 'if :; then\nGRUB_CMDLINE_LINUX="a=1"\nfi\n+'),
        ("", "+"),
    ],
    ids=["plain", "empty", "single quotes", "two", "appends", "bare", "continued", "or", "if", "none"],
)
def test_without_drop_ins_the_last_plain_value_gets_our_words(rig: Rig, text: str, expected: str) -> None:
    """GRUB elsewhere than on Debian does not read /etc/default/grub.d; and grubby and other programs of EL
    look for one line GRUB_CMDLINE_LINUX=."""
    program = rig.root / "usr/sbin/grub-mkconfig"
    program.write_text(program.read_text().replace("default/grub.d", "default/no.d"))
    write_default(rig, f'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n{text}'.encode())
    before = take_snapshot(rig.root)
    rig.prepare("kernel-parameters")
    words = " ".join(OURS)
    line = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {words}"  # added by hvprep\n'
    wanted = 'GRUB_CMDLINE_LINUX_DEFAULT=""\n' + expected.replace("@", words).replace("+", line)
    assert not (rig.root / "etc/default/grub.d/99-hvprep.cfg").exists()
    assert (rig.root / DEFAULT).read_text().startswith(wanted)
    assert set(OURS) <= set(simple(rig))
    assert not rig.plan("kernel-parameters").changes
    rig.rollback()
    assert diff_snapshots(before, take_snapshot(rig.root)) == []


def test_without_drop_ins_the_administrator_goes_on_in_the_same_line(rig: Rig) -> None:
    program = rig.root / "usr/sbin/grub-mkconfig"
    program.write_text(program.read_text().replace("default/grub.d", "default/no.d"))
    write_default(rig, b'GRUB_CMDLINE_LINUX="a=1"\n')
    rig.prepare("kernel-parameters")
    text = (rig.root / DEFAULT).read_text()
    write_default(rig, text.replace("a=1 console", "a=2 b=3 console").encode())
    assert simple(rig)[:2] == ["a=2", "b=3"]
    assert not rig.plan("kernel-parameters").changes
