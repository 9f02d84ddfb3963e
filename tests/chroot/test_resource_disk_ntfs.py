"""The reader of NTFS against volumes that ntfs-3g has filled through its driver, compared with ntfsls."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple

import pytest
from hvprep.errors import FormatError
from hvprep.formats.ntfs import NtfsVolume, read_ntfs

from tests.chroot.disks import MIB, make_ntfs, tool

#: Enough for three levels of blocks.
MANY = 3000
GEOMETRIES: Dict[str, Tuple[Tuple[str, ...], int]] = {
    "as Windows makes it": ((), 64 * MIB),
    "compressed": (("--enable-compression",), 64 * MIB),
    "clusters of 512 bytes": (("--cluster-size", "512"), 64 * MIB),
    "clusters of 1 KiB": (("--cluster-size", "1024"), 64 * MIB),
    "clusters of 64 KiB": (("--cluster-size", "65536"), 300 * MIB),
    "clusters of 2 MiB": (("--cluster-size", "2097152"), 3 << 30),
    "sectors of 1 KiB": (("--sector-size", "1024", "--cluster-size", "2048"), 64 * MIB),
    "sectors of 4 KiB": (("--sector-size", "4096"), 64 * MIB),
    "large of both": (("--sector-size", "4096", "--cluster-size", "65536"), 300 * MIB),
}


@pytest.fixture(params=GEOMETRIES)
def image(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    options, size_bytes = GEOMETRIES[request.param]
    return new_image(tmp_path, size_bytes, *options)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return new_image(tmp_path, 64 * MIB)


def new_image(directory: Path, size_bytes: int, *options: str) -> Path:
    path = directory / "volume"
    with path.open("wb") as stream:
        stream.truncate(size_bytes)
    make_ntfs(path, *options)
    return path


@contextlib.contextmanager
def filled(image: Path) -> Iterator[Path]:
    """The volume, mounted by ntfs-3g."""
    place = image.parent / "mounted"
    place.mkdir(exist_ok=True)
    tool("ntfs-3g", "-o", "compression", str(image), str(place))
    try:
        yield place
    finally:
        tool("umount", str(place))


def read(image: Path) -> NtfsVolume:
    fd = os.open(image, os.O_RDONLY)
    try:
        return read_ntfs(lambda offset, size: os.pread(fd, size, offset), os.fstat(fd).st_size)
    finally:
        os.close(fd)


def listed(image: Path) -> List[str]:
    return sorted(filter(None, tool("ntfsls", "--all", "--classify", "--path", "/", str(image)).split("\n")))


def ours(image: Path) -> List[str]:
    return sorted(entry.name + ("/" if entry.is_directory else "") for entry in read(image).entries)


def fill(place: Path, start: int, end: int) -> None:
    for number in range(start, end):
        name = f"f\u00efle \U0001f4be {number:05} {'x' * (number % 60)}"
        if number % 7 == 3:
            (place / name).mkdir()
        else:
            (place / name).write_bytes(b"")


def clear(place: Path) -> None:
    for path in place.iterdir():
        path.rmdir() if path.is_dir() else path.unlink()


def test_directories_of_all_sizes(image: Path) -> None:
    """From the entry in the record to a tree of blocks, and back to nothing."""
    assert ours(image) == listed(image) == []
    made = 0
    for count in (1, 4, 40, 100):
        with filled(image) as place:
            fill(place, made, count)
        made = count
        assert len(ours(image)) == count
        assert ours(image) == listed(image)
    with filled(image) as place:
        clear(place)
    assert ours(image) == listed(image) == []


@pytest.mark.parametrize("options", [(), ("--cluster-size", "512"), ("--cluster-size", "65536")])
def test_a_large_directory(tmp_path: Path, options: Tuple[str, ...]) -> None:
    image = new_image(tmp_path, 300 * MIB, *options)
    with filled(image) as place:
        fill(place, 0, MANY)
    assert len(ours(image)) == MANY
    assert ours(image) == listed(image)


def test_a_root_that_goes_on_in_other_records_is_refused_even_when_it_is_empty_again(tmp_path: Path) -> None:
    """A directory that grew in turns with others: what is not followed is not taken for empty."""
    image = new_image(tmp_path, 64 * MIB, "--sector-size", "4096")
    for start, end in ((0, 40), (40, 300)):
        with filled(image) as place:
            fill(place, start, end)
    assert len(listed(image)) == 300
    for _ in range(2):
        with pytest.raises(FormatError, match="record 5 of the NTFS volume goes on in other records"):
            read(image)
        with filled(image) as place:
            clear(place)
    assert listed(image) == []


def attributes(path: Path, bits: int) -> None:
    """FILE_ATTRIBUTE_... of Windows (ntfs-3g, "Extended Attributes")."""
    os.setxattr(path, "system.ntfs_attrib_be", bits.to_bytes(4, "big"))


def _hidden(place: Path) -> None:
    (place / "h").write_text("")
    attributes(place / "h", 0x6)


def _dots_and_dollars(place: Path) -> None:
    for name in (".x", "$RECYCLE.BIN", "$Quota", "..."):
        (place / name).mkdir()


def _short_name(place: Path) -> None:
    (place / "a long name.text").write_text("x")
    os.setxattr(place / "a long name.text", "system.ntfs_dos_name", b"ALONGN~1.TEX")


def _two_names(place: Path) -> None:
    (place / "one").write_text("x")
    os.link(place / "one", place / "two")


def _compressed(place: Path) -> None:
    attributes(place, 0x800)
    (place / "compressed").write_bytes(b"x" * 300_000)


def _fragmented(place: Path) -> None:
    for number in range(200):
        (place / f"{number}").write_bytes(b"x" * 5000)
    for number in range(0, 200, 2):
        (place / f"{number}").unlink()


def _renamed(place: Path) -> None:
    for number in range(100):
        (place / f"before {number}").write_text("")
        (place / f"before {number}").rename(place / f"after {number}")


def _sparse(place: Path) -> None:
    with (place / "sparse").open("wb") as stream:
        stream.truncate(1 << 30)


def _large(place: Path) -> None:
    (place / "large").write_bytes(bytes(8 * MIB))


def _stream(place: Path) -> None:
    (place / "file").write_text("x")
    os.setxattr(place / "file", "user.stream", b"y" * 3000)
    os.setxattr(place, "user.of the root", b"z" * 300)


CONTENTS: Dict[str, Callable[[Path], None]] = {
    "short names": _short_name,
    "two names of one file": _two_names,
    "compressed": _compressed,
    "hidden": _hidden,
    "fragmented": _fragmented,
    "renamed": _renamed,
    "sparse": _sparse,
    "large": _large,
    "streams": _stream,
    "links": lambda place: (place / "link").symlink_to("nowhere"),
    "a fifo": lambda place: os.mkfifo(place / "fifo"),
    "below": lambda place: (place / "System Volume Information/deep/er").mkdir(parents=True),
    "255 letters": lambda place: (place / ("\u00e9" * 127 + "x" * 128)).mkdir(),
    "dots and dollars": _dots_and_dollars,
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_contents_of_all_kinds(plain: Path, kind: str) -> None:
    with filled(plain) as place:
        CONTENTS[kind](place)
    assert ours(plain) == listed(plain)
    assert ours(plain)


def test_the_label_is_changed(plain: Path) -> None:
    tool("ntfslabel", str(plain), "\u00dcbung \U0001f4be")
    assert read(plain).label == "\u00dcbung \U0001f4be"
    assert not read(plain).is_dirty


def test_a_volume_that_is_marked_dirty(plain: Path) -> None:
    tool("ntfsfix", "--clear-bad-sectors", str(plain))  # leaves the mark for Windows to check
    assert read(plain).is_dirty
    assert ours(plain) == []
