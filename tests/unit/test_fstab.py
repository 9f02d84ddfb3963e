"""fstab comes back byte for byte, and its entries are those that mount(8) sees."""

from __future__ import annotations

import pytest
from hvprep.errors import FormatError
from hvprep.formats.fstab import Entry, parse
from hypothesis import given, settings
from hypothesis import strategies as st

TABLE = """\
# /etc/fstab: static file system information.
UUID=7a0b6c1e-6f5a-4a53-9d0e-8b2f3c4d5e6f /  ext4\terrors=remount-ro 0 1
LABEL=boot\t/boot/ xfs defaults
\t /dev/disk/cloud/azure_resource-part1 /mnt/a\\040b auto defaults,nofail,comment=cloudconfig 0 2
/dev/sda2 none swap sw
tmpfs /tmp tmpfs
too short

proc /proc proc defaults 0 0 # text after the fields
/dev/sdc1 /boot ext3 ro 0 # no number here
/dev/sdd1 /broken ext3 ro zero 0
/dev/sde1 /windows vfat ro 1 2\r
none swap tmpfs defaults 0 0"""


def test_entries() -> None:
    table = parse(TABLE)
    assert table.render() == TABLE
    assert table.entries == (
        Entry(2, "UUID=7a0b6c1e-6f5a-4a53-9d0e-8b2f3c4d5e6f", "/", "ext4", ("errors=remount-ro",), 0, 1),
        Entry(3, "LABEL=boot", "/boot/", "xfs", ("defaults",), 0, 0),
        Entry(
            4,
            "/dev/disk/cloud/azure_resource-part1",
            "/mnt/a b",
            "auto",
            ("defaults", "nofail", "comment=cloudconfig"),
            0,
            2,
        ),
        Entry(5, "/dev/sda2", "none", "swap", ("sw",), 0, 0),
        Entry(6, "tmpfs", "/tmp", "tmpfs", ("defaults",), 0, 0),
        Entry(9, "proc", "/proc", "proc", ("defaults",), 0, 0),
        Entry(10, "/dev/sdc1", "/boot", "ext3", ("ro",), 0, 0),
        Entry(11, "/dev/sdd1", "/broken", "ext3", ("ro",), 0, 0),
        Entry(12, "/dev/sde1", "/windows", "vfat", ("ro",), 1, 2),
        Entry(13, "none", "swap", "tmpfs", ("defaults",), 0, 0),
    )


@pytest.mark.parametrize(
    ("mountpoint", "line"),
    [("/", 2), ("/boot", 3), ("/boot/", 3), ("/mnt/a b", 4), ("none", None), ("/broken", 11)],
)
def test_entry_for_a_directory(mountpoint: str, line: int | None) -> None:
    entry = parse(TABLE).entry_for(mountpoint)
    assert (entry.line if entry else None) == line


def test_without_changes_only_the_entry() -> None:
    edited = parse(TABLE).without(lambda entry: entry.spec.startswith("/dev/sd"), "tag")
    before, after = TABLE.split("\n"), edited.render().split("\n")
    changed = [(old, new) for old, new in zip(before, after) if old != new]
    assert len(before) == len(after)
    assert changed == [
        ("/dev/sda2 none swap sw", "# /dev/sda2 none swap sw # tag"),
        ("/dev/sdc1 /boot ext3 ro 0 # no number here", "# /dev/sdc1 /boot ext3 ro 0 # no number here # tag"),
        ("/dev/sdd1 /broken ext3 ro zero 0", "# /dev/sdd1 /broken ext3 ro zero 0 # tag"),
        ("/dev/sde1 /windows vfat ro 1 2\r", "# /dev/sde1 /windows vfat ro 1 2 # tag\r"),
    ]
    assert [entry.spec for entry in edited.entries] == [
        entry.spec for entry in parse(TABLE).entries if not entry.spec.startswith("/dev/sd")
    ]


def test_lines_that_mount_8_cannot_read() -> None:
    table = parse(TABLE)
    assert [table.lines[number - 1] for number in table.broken] == ["too short\n"]
    assert parse("# a\n\n \t\n#b c\n").broken == ()


def test_a_line_more() -> None:
    table = parse("a /b c\r\nd none swap").with_line(2, "e none swap noauto")
    assert table.render() == "a /b c\r\nd none swap\ne none swap noauto"
    assert parse("a /b c\r\nd /e f\n").with_line(1, "g /h i").render() == "a /b c\r\ng /h i\r\nd /e f\n"


def test_another_device_in_the_same_line() -> None:
    edited = parse(TABLE).with_spec(4, "LABEL=a b")
    before, after = TABLE.split("\n"), edited.render().split("\n")
    assert after[3] == "\t LABEL=a\\040b /mnt/a\\040b auto defaults,nofail,comment=cloudconfig 0 2"
    assert [old for old, new in zip(before, after) if old != new] == [before[3]]
    assert edited.entries[2].spec == "LABEL=a b"


@pytest.mark.parametrize(
    ("options", "is_automatic"), [("sw", True), ("sw,noauto", False), ("noauto", False), ("xnoauto", True)]
)
def test_what_boot_leaves_alone(options: str, is_automatic: bool) -> None:
    (entry,) = parse(f"/a none swap {options} 0 0").entries
    assert entry.is_automatic is is_automatic


def test_a_last_line_without_end_stays_so() -> None:
    assert parse("a /b c").without(lambda entry: True, "tag").render() == "# a /b c # tag"


def test_a_tag_has_one_line() -> None:
    with pytest.raises(FormatError, match="no end for a comment") as caught:
        parse(TABLE).without(lambda entry: True, "a\nb /c d")
    assert caught.value.hint


@given(st.text() | st.text(st.sampled_from("ab/#\\0147 \t\n\r\v\x85\u2028,=09"), max_size=60))
@settings(deadline=None)
def test_every_text_comes_back(text: str) -> None:
    table = parse(text)
    assert table.render() == text
    assert [line.rstrip("\n") for line in table.lines] == text.removesuffix("\n").split("\n")[
        : len(table.lines)
    ]
    edited = table.without(lambda entry: "a" in entry.spec, "tag")
    assert edited.without(lambda entry: "a" in entry.spec, "tag") == edited
    assert [entry for entry in edited.entries if "a" in entry.spec] == []
    assert [entry for entry in table.entries if "a" not in entry.spec] == list(edited.entries)
    assert edited == parse(edited.render())


@given(st.text(st.characters(max_codepoint=0x17F, exclude_characters="\r"), min_size=1))
def test_every_name_can_be_written(name: str) -> None:
    table = parse("/dev/sda1  / ext4\tro\n").with_spec(1, name)
    assert [entry.spec for entry in table.entries] == [name]
    assert table.render().endswith("  / ext4\tro\n")


@given(st.text(st.sampled_from("ab/#\\0147 \t\n\r"), max_size=40), st.data())
def test_an_edit_stays_in_its_line(text: str, data: st.DataObject) -> None:
    table = parse(text)
    numbers = [entry.line for entry in table.entries]
    if numbers:
        number = data.draw(st.sampled_from(numbers))
        edited = table.with_spec(number, "UUID=1")
        assert [line for at, line in enumerate(edited.lines, 1) if at != number] == [
            line for at, line in enumerate(table.lines, 1) if at != number
        ]
        longer = table.with_line(number, "x none swap noauto")
        assert len(longer.entries) == len(table.entries) + 1
        assert longer.entries[numbers.index(number) + 1].spec == "x"
