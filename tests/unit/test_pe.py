"""Unified kernel images are read as far as they say something, and a hostile one does no harm."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pytest
from hvprep.errors import FormatError
from hvprep.formats.pe import TEXT_LIMIT_BYTES, PeImage, Section, SectionFile, read_pe
from hypothesis import given
from hypothesis import strategies as st

from tests.pe_program import START, program


def read(content: bytes) -> PeImage:
    return read_pe(io.BytesIO(content))


UKI = program(
    (b".text", b"stub"),
    (b".osrel", b"ID=debian\n"),
    (b".uname", b"6.12.117+deb13-amd64"),
    (b".cmdline", b"root=UUID=1  ro quiet\n\0garbage"),
    (b".linux", b"MZ kernel" * 100),
    (b".initrd", b"070701"),
    (b".profile", b"ID=other\n"),
    (b".cmdline", b"root=UUID=1 single"),
)


def test_a_unified_kernel_image() -> None:
    image = read(UKI)
    assert (image.is_uki, image.is_addon, image.is_signed, image.machine) == (True, False, False, "x86_64")
    assert image.words == ("root=UUID=1", "ro", "quiet")
    assert image.uname == "6.12.117+deb13-amd64"
    assert image.text(".osrel") == "ID=debian"
    assert image.profile_cmdlines == ("root=UUID=1 single",)
    linux, initrd = image.section(".linux"), image.section(".initrd")
    assert linux is not None
    assert initrd is not None
    assert UKI[linux.offset :][: linux.size_bytes] == b"MZ kernel" * 100
    assert UKI[initrd.offset :][: initrd.size_bytes] == b"070701"
    assert image.section(".dtb") is None
    assert image.text(".sbat") is None


@pytest.mark.parametrize("magic", [0x10B, 0x20B])
def test_a_signature_is_seen(magic: int) -> None:
    assert read(program((b".linux", b"k"), certificates=1480, magic=magic)).is_signed
    assert not read(program((b".linux", b"k"), magic=magic)).is_signed
    assert not read(program((b".linux", b"k"), certificates=1480, magic=0x107)).is_signed


def test_an_addon_and_a_plain_kernel() -> None:
    addon = read(program((b".text", b""), (b".cmdline", b"console=ttyS0"), machine=0xAA64))
    assert (addon.is_uki, addon.is_addon, addon.machine) == (False, True, "aarch64")
    kernel = read(program((b".setup", b"x"), (b".text", b"y"), machine=0x1234))
    assert (kernel.is_uki, kernel.is_addon, kernel.machine, kernel.words) == (False, False, "0x1234", ())
    only_profile = read(program((b".linux", b"k"), (b".profile", b"ID=a"), (b".cmdline", b"a")))
    assert (only_profile.words, only_profile.profile_cmdlines) == ((), ("a",))


def test_what_objcopy_makes(tmp_path: Path) -> None:
    (tmp_path / "stub.s").write_text(".globl _start\n_start: ret\n")
    contents = {
        ".osrel": b"ID=arch\n",
        ".cmdline": b'root=LABEL=r rw dyndbg="file x +p"\n',
        ".initrd": b"070701" * 300,
        ".linux": b"k" * 5000,
    }

    def run(*argv: str) -> None:
        subprocess.run(argv, check=True, cwd=tmp_path)

    run("as", "-o", "stub.o", "stub.s")
    run("ld", "-o", "stub.elf", "stub.o")
    run("objcopy", "-O", "efi-app-x86_64", "stub.elf", "stub.efi")
    options = []
    for i, (name, content) in enumerate(contents.items()):
        (tmp_path / name).write_bytes(content)
        options += [
            "--add-section",
            f"{name}={name}",
            "--change-section-vma",
            f"{name}={0x2000000 * (i + 1)}",
        ]
    run("objcopy", *options, "stub.efi", "uki.efi")
    with (tmp_path / "uki.efi").open("rb") as stream:
        image = read_pe(stream)
        assert image.is_uki
        assert not image.is_signed
        assert image.words == ("root=LABEL=r", "rw", 'dyndbg="file x +p"')
        for name, content in contents.items():
            section = image.section(name)
            assert section is not None
            stream.seek(section.offset)
            assert stream.read(section.size_bytes) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends within its headers"),
        (b"\x7fELF".ljust(64, b"\0"), "does not begin with MZ"),
        (b"MZ".ljust(60, b"\0") + b"\xff\xff\xff\xff", "would stand at byte 4294967295"),
        (b"MZ".ljust(60, b"\0") + struct.pack("<I", START), "ends within its headers"),
        (UKI.replace(b"PE\0\0", b"NE\0\0"), "its PE header is missing"),
        (UKI[:START] + b"PE\0\0\x64\x86\xff\xff" + UKI[START + 8 :], "has 65535 sections"),
        (UKI[:600], "ends within its headers"),
        (UKI[:-2000], "of the PE program ends at byte"),
        (program((b".cmdline", b"x" * (TEXT_LIMIT_BYTES + 1))), "has 65537 bytes"),
    ],
)
def test_what_is_damaged_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        read(content)
    assert caught.value.hint


def test_padding_is_no_content() -> None:
    assert read(program((b".linux", b"abc"))).sections == (Section(".linux", 512, 3),)


@given(st.binary() | st.binary().map(lambda tail: UKI[: 1 + len(tail) * 7] + tail))
def test_any_file(content: bytes) -> None:
    try:
        image = read(content)
    except FormatError:
        return
    assert len(image.words) <= len(content)


@given(st.lists(st.tuples(st.integers(0, len(UKI) - 1), st.integers(0, 255)), max_size=4))
def test_any_damage(damage: list[tuple[int, int]]) -> None:
    content = bytearray(UKI)
    for at, value in damage:
        content[at % 900] = value
    try:
        image = read(bytes(content))
    except FormatError:
        return
    assert len(image.sections) <= len(content) // 40


def test_a_section_is_a_file_of_its_own() -> None:
    content = bytes(range(256)) * 100
    stream = io.BytesIO(b"x" * 77 + content + b"y" * 999)
    part = io.BufferedReader(SectionFile(stream, Section(".initrd", 77, len(content))))
    assert part.read() == content
    assert (part.seek(0, io.SEEK_END), part.read()) == (len(content), b"")
    assert (part.seek(-3, io.SEEK_END), part.read(9)) == (len(content) - 3, content[-3:])
    assert (part.seek(10_000), part.read(5), part.tell()) == (10_000, content[10_000:10_005], 10_005)
    assert (part.seek(10**9), part.read(1)) == (10**9, b"")
