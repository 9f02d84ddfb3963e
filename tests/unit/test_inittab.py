"""inittab comes back byte for byte; a getty on the serial port is found, or added under a free id."""

from __future__ import annotations

import pytest
from hvprep.errors import FormatError
from hvprep.formats.inittab import parse
from hypothesis import given
from hypothesis import strategies as st

GETTY = "/sbin/agetty -L 115200 ttyS0 vt102"
SLES = """\
# The default runlevel is defined here
id:5:initdefault:
si::bootwait:/etc/init.d/boot
1:2345:respawn:/sbin/mingetty --noclear tty1
#S0:12345:respawn:/sbin/agetty -L 9600 ttyS0 vt102
  ca::ctrlaltdel:/sbin/shutdown -r -t 4 now
no entry
"""
ALPINE = """\
::sysinit:/sbin/openrc sysinit
::wait:/sbin/openrc default
tty1::respawn:/sbin/getty 38400 tty1
#ttyS0::respawn:/sbin/getty -L 0 ttyS0 vt100
::ctrlaltdel:/sbin/reboot"""


def test_a_table_of_sles() -> None:
    table = parse(SLES)
    assert table.render() == SLES
    assert (table.default_runlevel, table.is_busybox) == ("5", False)
    assert [entry.line for entry in table.entries] == [2, 3, 4, 6]
    assert table.entries[3].id == "ca"
    assert table.find_getty("ttyS0") is None
    terminal = table.find_getty("tty1")
    assert terminal is not None
    assert (terminal.id, terminal.process) == ("1", "/sbin/mingetty --noclear tty1")
    edited = table.add_getty("ttyS0", GETTY)
    assert edited.render() == f"{SLES}h0:2345:respawn:{GETTY}\n"
    assert edited.add_getty("ttyS0", GETTY) == edited


def test_a_table_of_alpine() -> None:
    table = parse(ALPINE)
    assert table.render() == ALPINE
    assert table.is_busybox
    assert table.find_getty("ttyS0") is None
    edited = table.add_getty("ttyS0", "/sbin/getty -L 0 ttyS0 vt100")
    assert edited.render() == f"{ALPINE}\nttyS0::respawn:/sbin/getty -L 0 ttyS0 vt100\n"


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        (f"S0:2345:respawn:{GETTY}", True),
        ("S0:2345:respawn:+/sbin/mgetty /dev/ttyS0", True),
        ("S0::respawn:/bin/getty ttyS0", True),
        (f"id:3:initdefault:\nS0:345:respawn:{GETTY}", True),
        (f"id:3:initdefault:\nS0:45:respawn:{GETTY}", False),
        (f"#S0:2345:respawn:{GETTY}", False),
        (f"S0:2345:off:{GETTY}", False),
        (f"S0:2345:once:{GETTY}", False),
        ("S0:2345:respawn:/sbin/agetty 9600 ttyS01", False),
        ("S0:2345:respawn:/usr/bin/logger ttyS0", False),
        (f"S0:2345:respawn:/bin/true\nS0:2345:respawn:{GETTY}", False),
        (f"toolong:2345:respawn:{GETTY}", False),
        ("::sysinit:/x\nttyS0::askfirst:/sbin/getty 115200 -", True),
    ],
)
def test_a_getty_is_found_if_it_runs(text: str, is_found: bool) -> None:
    assert (parse(text).find_getty("ttyS0") is not None) == is_found


@pytest.mark.parametrize(
    ("text", "device", "new_id"),
    [
        ("", "ttyS0", "S0"),
        ("S0:1:off:x\n", "ttyS0", "h0"),
        ("S0:1:off:x\nh0:1:off:x\n", "ttyS0", "h1"),
        ("", "ttyAMA0", "AMA0"),
        ("", "hvc0", "hvc0"),
        ("", "ttyAMA10", "h0"),
    ],
)
def test_ids_are_free(text: str, device: str, new_id: str) -> None:
    added = parse(text).add_getty(device, f"/sbin/agetty {device}").find_getty(device)
    assert added is not None
    assert added.id == new_id


@pytest.mark.parametrize(
    ("text", "process"),
    [
        ("", "/sbin/agetty ttyS1"),
        ("", "/sbin/agetty ttyS0\nx:2:respawn:/bin/sh"),
        ("id:1:initdefault:", GETTY),
    ],
)
def test_a_line_that_would_not_work_is_refused(text: str, process: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse(text).add_getty("ttyS0", process)
    assert caught.value.hint


def test_carriage_returns_are_refused() -> None:
    with pytest.raises(FormatError, match="line 2 of inittab has a carriage return") as caught:
        parse("id:3:initdefault:\nS0:3:respawn:x\r\n")
    assert caught.value.hint


@given(
    st.text()
    | st.lists(st.sampled_from([*SLES.splitlines(True), *ALPINE.splitlines(True)]), max_size=8).map("".join)
    | st.text("S0:2respawn/gty \n#", max_size=60)
)
def test_every_table_comes_back_and_two_edits_are_one(text: str) -> None:
    try:
        table = parse(text)
    except FormatError:
        return
    assert table.render() == text
    try:
        edited = table.add_getty("ttyS0", GETTY)
    except FormatError:
        return
    assert edited.add_getty("ttyS0", GETTY) == edited
    assert parse(edited.render()) == edited
    assert edited.find_getty("ttyS0")
    assert edited.entries[: len(table.entries)] == table.entries
