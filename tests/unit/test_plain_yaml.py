"""YAML of configuration files, as PyYAML reads it; what is beyond that is refused, never misread."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml
from hvprep.errors import FormatError
from hvprep.formats.plain_yaml import Passage, Scalar, Value, parse
from hypothesis import given, settings
from hypothesis import strategies as st

#: Much that a reader can stumble over; most texts of these are no YAML at all.
PIECES = st.sampled_from(
    [
        *(
            "a",
            "b: ",
            "c:",
            "- ",
            "-",
            " ",
            "#",
            "#x",
            " # x",
            "[",
            "]",
            "{",
            "}",
            ",",
            ", ",
            '"',
            "'q'",
            '"q"',
        ),
        *(
            '"\\n"',
            "\\",
            "''",
            "|",
            ">",
            "|-",
            "&x ",
            "*x",
            "x y",
            "http://a",
            "yes",
            "No",
            "~",
            "null",
            "?",
            ":",
        ),
        *("---", "...", "%", "!", "=", "<<: ", "é", "12", "k: [a, b]", 'm: {a: 1, "b":2}', "\t", "\n", "\n "),
        *("\n  ", "\n   ", "\nk:\n", "\n- a\n", "\n  - b\n", "\n- ", "\nk: v\n"),
        *("k: |\n  text\n", "- k: v\n  l: w\n"),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text())


def is_same(ours: Value, texts: Any, values: Any) -> bool:
    """`texts` is what PyYAML reads without giving plain words a meaning, `values` what it makes of them."""
    if isinstance(ours, Passage):
        return isinstance(texts, str)
    if isinstance(ours, Scalar):
        is_switch = ours.boolean is None or values is ours.boolean
        is_null = (values is None) == ours.is_null and isinstance(values, bool) == (ours.boolean is not None)
        return ours.text == texts and is_switch and is_null
    if isinstance(ours, list):
        return isinstance(texts, list) and len(ours) == len(texts) and all(map(is_same, ours, texts, values))
    same_keys = isinstance(texts, dict) and list(ours) == list(texts)
    return same_keys and all(
        is_same(ours[key], texts[key], value) for key, value in zip(ours, values.values())
    )


def assert_same(text: str) -> None:
    texts = yaml.load(text, Loader=yaml.BaseLoader) or {}
    assert is_same(parse(text), texts, yaml.safe_load(text) or {}), (parse(text), texts)


@settings(max_examples=3000)
@given(TEXTS)
def test_what_is_read_is_what_pyyaml_reads(text: str) -> None:
    try:
        parse(text)
    except FormatError:
        return
    assert_same(text)


#: cloud-init 22.4.2-1+deb12u4, /etc/cloud/cloud.cfg.d/05_logging.cfg, shortened.
LOGGING = """\
## This yaml formated config file handles setting
_log:
 - &log_base |
   [loggers]
   keys=root,cloudinit
@
   [handlers]
   # no comment
   keys=consoleHandler: x
 - &log_file |
   [handler_cloudLogHandler]
   args=('/var/log/cloud-init.log', 'a', 'UTF-8')

log_cfgs:
# Array entries in this list will be joined into a string
 - [ *log_base, *log_file ]
# A file path can also be used.

output: {all: '| tee -a /var/log/cloud-init-output.log'}
""".replace("@", "   ")
#: Of Ubuntu's and EL's cloud.cfg (config/cloud.cfg.tmpl of cloud-init), in all their forms.
FORMS = """\
---
# The top level settings are used as module
users:
   - default

disable_root: true
ssh_pwauth:   0
mount_default_fields: [~, ~, 'auto', 'defaults,nofail', '0', '2']
datasource_list: [ NoCloud, ConfigDrive,
  Azure, # here
  None ]
cloud_init_modules:
- migrator
- [ mounts, always ]
-
  - users-groups
system_info:
   distro: ubuntu
   default_user:
     name: ubuntu
     gecos: "Ubuntu: \\"U\\""
     sudo: ["ALL=(ALL) NOPASSWD:ALL"]
   package_mirrors:
     - arches: [i386, amd64]
       failsafe:
         primary: http://archive.ubuntu.com/ubuntu
       search:
         primary:
           - http://%(ec2_region)s.ec2.archive.ubuntu.com/ubuntu/
     - arches: [default]
   ssh_svcname: ssh
'quoted key': it's
empty:
growpart: { mode: auto, devices: ['/'], ignore_growroot_disabled: false, "x":y, z }
"""


@pytest.mark.parametrize(
    "text",
    [
        LOGGING,
        FORMS,
        FORMS.replace("\n", "\r\n"),
        "",
        "# nothing\n",
        "a: 1\na: 2\n",
        "a: b#c # d\n",
        "a: x:y\n",
        "a: [x,\ny]\n",
        "a: {}\nb: []\n",
        "a: b",
        "a:\n- b\n- c: d\n  e: f\ng: h\n",
        "a: |\n\n   text\n   \n\nb: c\n",
        "a: |\nb: c\n",
        "a: &x\n  b: c\nd: *x\n",
        "a: 'it''s'\nb: \"\\\\\"\n",
    ],
)
def test_forms(text: str) -> None:
    assert_same(text)


def test_an_alias_is_what_it_stands_for() -> None:
    assert parse(LOGGING)["log_cfgs"] == [[Passage(), Passage()]]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: !!binary x\n", 2),
        ("a: &x 1\nb: &x 2\n", 2),
        ("a: *x\n", 1),
        ("a: b\n  c\n", 2),
        ("a: 'b\n  c'\n", 1),
        ("a: b: c\n", 1),
        ("<<: {a: b}\n", 1),
        ("? a\n: b\n", 1),
        ("a: b\n---\nc: d\n", 2),
        ("a:\n\tb: c\n", 2),
        ("a: b\nc\n", 2),
        ("- a\n", 2),
        ("a: [b\n", 2),
        ("a: [b c: d]\n", 1),
        ("a:\n  b: c\n d: e\n", 3),
        ("a: |2\n  b\n", 1),
        ("a: |\n   b\n  c\n", 3),
        ("a: \x00\n", 1),
        ("a: b\rc: d\n", 1),
    ],
)
def test_what_is_beyond_it_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(FormatError) as caught:
        parse(text)
    assert caught.value.sentence.startswith(f"line {line}: ")
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "a: " + "{a: " * 100_000,
        "".join(f"{' ' * depth}a:\n" for depth in range(1000)),
        "- " * 100_000,
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(2000)),
        "a: |\n" + "  text\n" * 100_000,
        "a: " + "x " * 200_000,
        "a: '" + "''" * 200_000,
        "#\n" * 200_000 + "a: b\n",
        "\n" * 200_000 + " - b\n",
        "a: b" + " " * 200_000 + "x\n",
    ],
)
def test_hostile_texts_end(text: str) -> None:
    """None of them takes a second; square time, or a stack for each bracket, would not end."""
    with contextlib.suppress(FormatError):
        parse(text)
