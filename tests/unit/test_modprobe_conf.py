"""What keeps a module from being loaded: lines of modprobe.d, words of the kernel line."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hvprep.formats.modprobe_conf import parse, parse_words
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "bans"),
    [
        ("", []),
        ("blacklist hv_netvsc\n", [("hv_netvsc", "alias", 1)]),
        ("# c\n\n  blacklist\thv-netvsc  # c\n", [("hv_netvsc", "alias", 3)]),
        ("install hv_utils /bin/true", [("hv_utils", "command", 1)]),
        ("install hv_utils /bin/false\n", [("hv_utils", "command", 1)]),
        ("install hv_utils :\n", [("hv_utils", "command", 1)]),
        ("install hv_utils /usr/bin/logger hv_utils; exit 1\n", [("hv_utils", "command", 1)]),
        ("install hv_utils /sbin/modprobe --ignore-install hv_utils && true\n", []),
        ("install hv_utils insmod /x/hv_utils.ko\n", []),
        ("install hv_utils\n", []),
        ("install hv_utils \\\n  /bin/true\nblacklist a\n", [("hv_utils", "command", 1), ("a", "alias", 3)]),
        ("alias hv_utils off\n", [("hv_utils", "command", 1)]),
        ("alias net-pf-10 ipv6\n", []),
        ("options hv_netvsc ring_size=1\nsoftdep a pre: b\nremove a b\n", []),
        ("#blacklist hv_netvsc\n", []),
        ("blacklist\n", []),
        ("Blacklist hv_netvsc\n", []),
        ("blacklist hv_netvsc\r\n", [("hv_netvsc", "alias", 1)]),
        ("blacklist a\\", [("a", "alias", 1)]),
    ],
)
def test_lines(text: str, bans: List[Tuple[str, str, int]]) -> None:
    assert [(ban.module, ban.reach, ban.line) for ban in parse(text)] == bans


@pytest.mark.parametrize(
    ("word", "bans"),
    [
        ("modprobe.blacklist=hv_netvsc", [("hv_netvsc", "alias")]),
        ("modprobe.blacklist=a,hv-netvsc,,b", [("a", "alias"), ("hv_netvsc", "alias"), ("b", "alias")]),
        ('modprobe.blacklist="hv_netvsc"', [("hv_netvsc", "alias")]),
        ("rd.driver.blacklist=hv_netvsc", [("hv_netvsc", "alias")]),
        ("rdblacklist=hv_netvsc", [("hv_netvsc", "alias")]),
        ("module_blacklist=hv_netvsc", [("hv_netvsc", "kernel")]),
        ("module-blacklist=hv_netvsc", [("hv_netvsc", "kernel")]),
        ("modprobe.blacklist", []),
        ("modprobe.blacklist=", []),
        ("xmodprobe.blacklist=hv_netvsc", []),
        ("initcall_blacklist=hv_netvsc", []),
    ],
)
def test_words(word: str, bans: List[Tuple[str, str]]) -> None:
    found = parse_words(["ro", word, "quiet"])
    assert [(ban.module, ban.reach) for ban in found] == bans
    assert all(ban.text == word for ban in found)


@given(st.text())
def test_every_text_is_read(text: str) -> None:
    for ban in parse(text):
        assert 1 <= ban.line <= text.count("\n") + 1
