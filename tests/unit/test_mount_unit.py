"""The mount unit and the line of fstab for the temporary disk."""

from __future__ import annotations

import configparser

import pytest
from hvprep.formats import fstab
from hvprep.formats.unit_name import unit_name
from hvprep.model.node import GuestPath
from hvprep.resourcedisk.mount_unit import render_device_timeout, render_fstab_line, render_mount
from hypothesis import example, given
from hypothesis import strategies as st

LABEL = "/dev/disk/by-label/hvprep-temp"
#: What ResourceDisk.MountPoint takes: printable, no backslash.
PATHS = (
    st.lists(
        st.text(min_size=1, max_size=8).filter(lambda name: name not in (".", "..")), min_size=1, max_size=4
    )
    .map(lambda names: "/" + "/".join(names))
    .filter(lambda text: text.isprintable() and "\\" not in text and "//" not in text and text[-1] != "/")
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "-"),
        ("/mnt", "mnt"),
        ("/mnt/re source", "mnt-re\\x20source"),
        ("/.x/.y", "\\x2ex-.y"),
        ("/a:b_c.d/\N{LATIN SMALL LETTER E WITH ACUTE}%~@", "a:b_c.d-\\xc3\\xa9\\x25\\x7e\\x40"),
        ("/a-b/c\\d", "a\\x2db-c\\x5cd"),
    ],
)
def test_names_of_units(path: str, name: str) -> None:
    """As systemd-escape --path of systemd 252 has them; tests/chroot compares with the real one."""
    assert unit_name(GuestPath(path), "mount") == f"{name}.mount"


@given(PATHS)
def test_every_path_has_a_name_of_its_own(path: str) -> None:
    name = unit_name(GuestPath(path), "mount").rpartition(".")[0]
    assert "/" not in name
    assert name.isascii()
    parts = name.replace("-", "/").encode().decode("unicode_escape").encode("latin-1").decode()
    assert f"/{parts}" == path


def section(text: str, name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return parser[name]


def test_the_unit() -> None:
    text = render_mount(LABEL, GuestPath("/mnt/resource"), "ext4", ())
    assert dict(section(text, "Mount")) == {
        "What": LABEL,
        "Where": "/mnt/resource",
        "Type": "ext4",
        "Options": "defaults,nofail",
    }
    assert "[Install]" not in text, "nothing but the service starts it"
    assert "_netdev" not in text


def test_options_are_kept_and_specifiers_are_none() -> None:
    text = render_mount(LABEL, GuestPath("/mnt/100%h"), "xfs", ("noatime", "nofail", "x=%n"))
    mount = section(text, "Mount")
    assert (mount["Where"], mount["Options"]) == ("/mnt/100%%h", "noatime,nofail,x=%%n")


def test_the_device_is_not_waited_for() -> None:
    assert section(render_device_timeout(), "Unit")["JobRunningTimeoutSec"] == "2s"


@given(PATHS)
@example("/mnt/re source")
@example("/mnt/a#b")
def test_the_line_of_fstab_reads_back(path: str) -> None:
    line = render_fstab_line("LABEL=hvprep-temp", GuestPath(path), "ext4", ("noatime",))
    (entry,) = fstab.parse(line).entries
    assert (entry.spec, entry.mountpoint, entry.type) == ("LABEL=hvprep-temp", path, "ext4")
    assert entry.options == ("noatime", "nofail", "comment=hvprep")
    assert (entry.dump, entry.passno) == (0, 0)
