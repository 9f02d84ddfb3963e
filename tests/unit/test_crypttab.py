"""crypttab comes back byte for byte, and its entries are those that systemd-cryptsetup-generator sees."""

from __future__ import annotations

import pytest
from hvprep.formats.crypttab import Entry, parse
from hypothesis import given
from hypothesis import strategies as st

#: Of Debian's installer, and of ecryptfs-setup-swap on Ubuntu.
TABLE = """# <target name> <source device> <key file> <options>
sda3_crypt UUID=7a0b6c1e-6f5a-4a53-9d0e-8b2f3c4d5e6f none luks,discard
cryptswap1 /dev/sda5\t/dev/urandom swap,offset=1024,cipher=aes-xts-plain64
bare /dev/sdb1

lonely
"""


def test_entries() -> None:
    table = parse(TABLE)
    assert table.render() == TABLE
    assert table.entries == (
        Entry(2, "sda3_crypt", "UUID=7a0b6c1e-6f5a-4a53-9d0e-8b2f3c4d5e6f", ("luks", "discard")),
        Entry(3, "cryptswap1", "/dev/sda5", ("swap", "offset=1024", "cipher=aes-xts-plain64")),
        Entry(4, "bare", "/dev/sdb1"),
    )
    assert [entry.makes_swap for entry in table.entries] == [False, True, False]


def test_edits_stay_in_their_lines() -> None:
    before = TABLE.split("\n")
    without = parse(TABLE).without(lambda entry: entry.makes_swap, "tag").render().split("\n")
    assert [(old, new) for old, new in zip(before, without) if old != new] == [
        (before[2], f"# {before[2]} # tag")
    ]
    other = parse(TABLE).with_device(3, "PARTUUID=1-2").render().split("\n")
    assert [(old, new) for old, new in zip(before, other) if old != new] == [
        (before[2], before[2].replace("/dev/sda5", "PARTUUID=1-2"))
    ]


@pytest.mark.parametrize("options", ["swapper", "noswap", "swap=1"])
def test_words_that_only_look_like_it(options: str) -> None:
    assert not parse(f"a b c {options}").entries[0].makes_swap


@given(st.text() | st.text(st.sampled_from("ab/# \t\n\r,swp"), max_size=60))
def test_every_text_comes_back(text: str) -> None:
    table = parse(text)
    assert table.render() == text
    edited = table.without(lambda entry: "a" in entry.name, "tag")
    assert [entry for entry in table.entries if "a" not in entry.name] == list(edited.entries)
