"""What keeps a module from being loaded: lines of modprobe.d, words of the kernel line.

What is said of lines was seen with modprobe of kmod 30 and 34; tests/chroot/test_modprobe.py asks it.
"""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hvprep.formats.modprobe_conf import TAKEN_OUT, Reach, Rule, parse, parse_words, take_out
from hypothesis import given
from hypothesis import strategies as st

ALIAS, COMMAND, LOADS, ASKED = Reach.ALIAS, Reach.COMMAND, Reach.LOADS, Reach.ASKED


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", []),
        ("blacklist hv_netvsc\n", [("hv_netvsc", ALIAS, 1)]),
        ("# c\n\n  blacklist\thv-netvsc  # c\n", [("hv_netvsc", ALIAS, 3)]),
        ("install hv_utils /bin/true", [("hv_utils", COMMAND, 1)]),
        ("install hv_utils /bin/false\n", [("hv_utils", COMMAND, 1)]),
        ("install hv_utils :\n", [("hv_utils", COMMAND, 1)]),
        ("install hv_utils /usr/bin/logger hv_utils; exit 1\n", [("hv_utils", COMMAND, 1)]),
        ("install hv_utils /sbin/modprobe --ignore-install hv_utils && true\n", [("hv_utils", LOADS, 1)]),
        ("install hv_utils insmod /x/hv_utils.ko\n", [("hv_utils", LOADS, 1)]),
        ("install hv_utils /bin/true # /sbin/modprobe -i hv_utils\n", [("hv_utils", COMMAND, 1)]),
        ("install hv_* /bin/true\n", [("hv_*", COMMAND, 1)]),
        ("install hv_utils\n", []),
        ("install hv_utils \n", []),
        ("install hv_utils  \n", [("hv_utils", COMMAND, 1)]),
        ("install hv_utils \\\n  /bin/true\nblacklist a\n", [("hv_utils", COMMAND, 1), ("a", ALIAS, 3)]),
        ("install hv_utils\\\n \\\n /bin/true\nblacklist a\n", [("hv_utils", COMMAND, 1), ("a", ALIAS, 4)]),
        ("# c \\\nblacklist a\nblacklist b\n", [("b", ALIAS, 3)]),
        ("blacklist a\\\\\nblacklist b\n", [("a\\", ALIAS, 1), ("b", ALIAS, 2)]),
        ("blacklist u\\df\n", [("udf", ALIAS, 1)]),
        ("alias hv_utils off\n", [("hv_utils", ASKED, 1)]),
        ("alias fs-* off\n", [("fs_*", ASKED, 1)]),
        ("alias net-pf-10 ipv6\n", []),
        ("options hv_netvsc ring_size=1\nsoftdep a pre: b\nremove a b\n", []),
        ("#blacklist hv_netvsc\n", []),
        ("blacklist\n", []),
        ("Blacklist hv_netvsc\n", []),
        ("blacklist hv_netvsc\r\n", [("hv_netvsc\r", ALIAS, 1)]),
        ("blacklist\x0bhv_netvsc\n", []),
        ("blacklist a\\", [("a", ALIAS, 1)]),  # kmod 34; kmod 30 passes it over
    ],
)
def test_lines(text: str, rules: List[Tuple[str, Reach, int]]) -> None:
    assert [(rule.name, rule.reach, rule.line) for rule in parse(text)] == rules


@pytest.mark.parametrize(
    ("word", "rules"),
    [
        ("modprobe.blacklist=hv_netvsc", [("hv_netvsc", ALIAS)]),
        ("modprobe.blacklist=a,hv-netvsc,,b", [("a", ALIAS), ("hv_netvsc", ALIAS), ("b", ALIAS)]),
        ('modprobe.blacklist="hv_netvsc"', [("hv_netvsc", ALIAS)]),
        ("rd.driver.blacklist=hv_netvsc", [("hv_netvsc", Reach.INITRD)]),
        ("rdblacklist=hv_netvsc", [("hv_netvsc", Reach.INITRD)]),
        ("module_blacklist=hv_netvsc", [("hv_netvsc", Reach.KERNEL)]),
        ("module-blacklist=hv_netvsc", [("hv_netvsc", Reach.KERNEL)]),
        ("modprobe.blacklist", []),
        ("modprobe.blacklist=", []),
        ("xmodprobe.blacklist=hv_netvsc", []),
        ("initcall_blacklist=hv_netvsc", []),
    ],
)
def test_words(word: str, rules: List[Tuple[str, Reach]]) -> None:
    found = parse_words(["ro", word, "quiet"])
    assert [(rule.name, rule.reach) for rule in found] == rules
    assert all(rule.text == word for rule in found)


@pytest.mark.parametrize(
    ("pattern", "reach", "name", "is_about"),
    [
        ("hv_*", COMMAND, "hv_utils", True),
        ("hv_*", ALIAS, "hv_utils", False),
        ("fs_*", ASKED, "fs_udf", True),
        ("u[!x]f", COMMAND, "udf", True),
        ("u[^x]f", COMMAND, "udf", True),
        ("u[^d]f", COMMAND, "udf", False),
        ("u{d,x}f", COMMAND, "udf", False),
        ("ud", COMMAND, "udf", False),
        ("UDF", COMMAND, "udf", False),
    ],
)
def test_what_a_rule_is_about(pattern: str, reach: Reach, name: str, is_about: bool) -> None:
    assert Rule(pattern, reach, "").is_about(name) is is_about


def test_lines_are_taken_out() -> None:
    text = "# CIS 1.1\r\ninstall udf /bin/true\ninstall vfat \\\n  /bin/true\nblacklist a"
    assert take_out(text, [2, 3]) == (
        f"# CIS 1.1\r\n{TAKEN_OUT}install udf /bin/true\n{TAKEN_OUT}install vfat \\\n  /bin/true\nblacklist a"
    )


TEXTS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(["blacklist", "install", "alias", "udf", "fs-udf", "off", "/bin/true", "modprobe",
                         "#", " ", " ", "\t", "\n", "\n", "\\", "\\\n", "\r"])
    ).map("".join),
)  # fmt: skip


@given(TEXTS)
def test_every_text_is_read_and_every_rule_can_be_taken_out(text: str) -> None:
    rules = parse(text)
    for rule in rules:
        assert 1 <= rule.line <= text.count("\n") + 1
    assert take_out(text, []) == text
    some = {rule.line for rule in rules[::2]}
    edited = take_out(text, some)
    assert parse(edited) == tuple(rule for rule in rules if rule.line not in some)
    assert edited.replace(TAKEN_OUT, "") == text.replace(TAKEN_OUT, "")
