"""From which device an image waits to resume."""

from __future__ import annotations

from typing import Dict, Tuple

import pytest
from hvprep.formats.initrd_image import InitrdContents, wants_file
from hvprep.formats.initrd_resume import assigned_resume, resume_devices
from hypothesis import given
from hypothesis import strategies as st

CONF = "conf/initramfs.conf"
#: mkinitrd 5.1.19 of EL 5, shortened.
NASH = """#!/bin/nash
mount -t proc /proc /proc
insmod /lib/hv_storvsc.ko
resume LABEL=SWAP-sda2
mkrootdev -t ext3 -o defaults,ro LABEL=/
"""


def contents(files: Dict[str, str]) -> InitrdContents:
    return InitrdContents(
        frozenset(files),
        {name: text.encode("utf-8", "surrogateescape") for name, text in files.items()},
        (),
        0,
    )


@pytest.mark.parametrize(
    ("files", "devices"),
    [
        ({}, ()),
        ({CONF: "MODULES=most\n"}, ()),
        ({CONF: "RESUME=UUID=1-2\n"}, ("UUID=1-2",)),
        ({CONF: "#RESUME=/dev/sda2\n # RESUME=x\n"}, ()),
        ({CONF: "RESUME=none\n"}, ()),
        ({CONF: "RESUME=/dev/sda2\nRESUME=none\n"}, ()),
        ({CONF: "RESUME=\n"}, ()),
        ({CONF: "RESUME=auto\n"}, ()),
        ({CONF: "RESUME=auto\n", "conf/conf.d/zz-resume-auto": "RESUME=UUID=1-2\n"}, ("UUID=1-2",)),
        ({CONF: "RESUME=/dev/sda2\n", "conf/conf.d/zz-resume-auto": "RESUME=\n"}, ()),
        ({"conf/conf.d/resume": "RESUME=UUID=1\n"}, ("UUID=1",)),
        ({"conf/conf.d/resume": "RESUME=UUID=1\n", "conf/conf.d/zz": "RESUME=none\n"}, ()),
        ({"conf/conf.d/zz": "RESUME=UUID=1\n", "conf/conf.d/resume": "RESUME=none\n"}, ("UUID=1",)),
        ({CONF: "RESUME=UUID=1\n", "conf/conf.d/driver-policy": "MODULES=dep\n"}, ("UUID=1",)),
        ({"conf/conf.d/resume": 'export RESUME="/dev/mapper/a-swap" # mine'}, ("/dev/mapper/a-swap",)),
        ({"conf/conf.d/resume": "RESUME='LABEL=s'\nNORESUME=1\nXRESUME=no\n"}, ("LABEL=s",)),
        ({"scripts/local-premount/resume": "RESUME=UUID=1"}, ()),
        ({"etc/cmdline.d/95resume.conf": " resume=UUID=1 \n"}, ("UUID=1",)),
        ({"etc/cmdline.d/01-default.conf": "root=UUID=2 ro resume=/dev/dm-1"}, ("/dev/dm-1",)),
        ({"etc/cmdline.d/1.conf": "resume=a", "etc/cmdline.d/2.conf": "resume=b"}, ("b",)),
        ({"etc/cmdline.d/1.conf": "resume=a\nnoresume"}, ()),
        ({"etc/cmdline.d/1.conf": "resume="}, ()),
        ({"etc/cmdline.d/1.conf": "resume_offset=12 rd.resume=x"}, ()),
        ({"etc/cmdline.d/1.txt": "resume=a"}, ()),
        ({"init": NASH}, ("LABEL=SWAP-sda2",)),
        ({"init": NASH.replace("resume LABEL", "#resume LABEL")}, ()),
        ({"init": "#!/bin/sh\nresume LABEL=x\n"}, ()),
        ({CONF: "RESUME=a", "etc/cmdline.d/1.conf": "resume=b"}, ("a", "b")),
        ({"conf/conf.d/\udcff": "RESUME=\udcfe"}, ("\udcfe",)),
    ],
)
def test_devices(files: Dict[str, str], devices: Tuple[str, ...]) -> None:
    assert resume_devices(contents(files)) == devices


def test_the_reader_keeps_what_is_asked_for() -> None:
    for name in (CONF, "conf/conf.d/zz-resume-auto", "etc/cmdline.d/95resume.conf", "init"):
        assert wants_file(name)


@given(st.dictionaries(st.sampled_from([CONF, "conf/conf.d/a", "etc/cmdline.d/a.conf", "init"]), st.text()))
def test_anything_reads(files: Dict[str, str]) -> None:
    for device in resume_devices(
        contents({name: text.encode("utf-8", "replace").decode() for name, text in files.items()})
    ):
        assert device not in ("", "none", "auto")


@given(st.text(st.sampled_from("RESUME=ab'\" \n#;"), max_size=40))
def test_a_value_is_one_word(text: str) -> None:
    value = assigned_resume(text)
    assert value is None or not set(value) & set(" \n#;'\"")
