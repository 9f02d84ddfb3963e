"""Real programs make boot entries for systemd-boot and U-Boot: hvprep edits these, and the programs write the
words again for the next kernel. A real unified kernel image is read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Iterator, Sequence

import pytest

from tests.chroot.guest import CONSOLE, DRIVERS, UNWANTED_WORDS, WANTED_WORDS, Guest, mounted, overlaid_guest
from tests.chroot.packages import install, remove_grub
from tests.chroot.test_next_kernel import LATER, install_kernel
from tests.roots import ROOT_UUID, pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

#: By system, the packages that bring bootctl and the programs that it installs.
SYSTEMS = {
    "bookworm-initramfs-tools": ("systemd-boot", "systemd-boot-efi"),
    "trixie-initramfs-tools": ("systemd-boot", "systemd-boot-efi", "systemd-boot-tools"),
}
MACHINE_ID = "0123456789abcdef0123456789abcdef"
#: bootctl(1): the "partition" of these tests is a tmpfs.
RELAXED = ("env", "SYSTEMD_RELAX_ESP_CHECKS=1")
STUB = "usr/lib/systemd/boot/efi/linuxx64.efi.stub"


@pytest.fixture(params=[*SYSTEMS])
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def guest(system: str) -> Iterator[Guest]:
    """A system of your own, without GRUB."""
    with overlaid_guest(pristine_root(system)) as found:
        remove_grub(found)
        (found.root / "etc/machine-id").write_text(f"{MACHINE_ID}\n")
        yield found


def assert_words(words: Sequence[str]) -> None:
    assert set(WANTED_WORDS) <= set(words), words
    assert not set(UNWANTED_WORDS) & set(words), words
    assert [word for word in words if word.startswith("console=")][-1] == CONSOLE, words
    assert f"root=UUID={ROOT_UUID}" in words, words


def entry_of(guest: Guest, kernel: str) -> Path:
    return guest.root / f"efi/loader/entries/{MACHINE_ID}-{kernel}.conf"


def options_of(entry: Path) -> Sequence[str]:
    (line,) = [line for line in entry.read_text().splitlines() if line.startswith("options")]
    return line.split()[1:]


@pytest.fixture
def efi(guest: Guest) -> Iterator[None]:
    """The EFI system partition, mounted."""
    (guest.root / "efi").mkdir()
    with mounted("efi", guest.root / "efi", "-t", "tmpfs"):
        yield


@pytest.mark.usefixtures("efi")
def test_systemd_boot_and_kernel_install(guest: Guest, system: str) -> None:
    install(guest, system, SYSTEMS[system])
    guest.tool(*RELAXED, "bootctl", "--esp-path=/efi", "--no-variables", "install")
    # A tmpfs is no EFI system partition to it.
    (guest.root / "etc/kernel/install.conf").write_text("layout=bls\nBOOT_ROOT=/efi\n")
    first = guest.kernel
    guest.tool("kernel-install", "add", first, f"/boot/vmlinuz-{first}")
    entry = entry_of(guest, first)
    ours = {word for word in Path("/proc/cmdline").read_text().split() if not word.startswith("initrd=")}
    assert ours & set(options_of(entry)), "the trap is there: the builder's words are in the image"
    words = f"options    root=UUID={ROOT_UUID} ro quiet splash systemd.machine_id={MACHINE_ID}"
    lines = entry.read_text().splitlines()
    entry.write_text("".join(f"{words if line.startswith('options') else line}\n" for line in lines))

    before = take_snapshot(guest.root)
    done = guest.hvprep("check")
    assert done.status == 3, done
    assert "systemd-boot: /efi/EFI/systemd/systemd-bootx64.efi with /efi/loader/entries" in done.output
    done = guest.hvprep("prepare", "--yes")
    assert done.status == 0, done
    assert guest.hvprep("check").status == 0
    assert_words(options_of(entry))
    assert "default" in guest.tool(*RELAXED, "bootctl", "--esp-path=/efi", "list")

    install_kernel(guest, LATER)
    guest.tool("update-initramfs", "-c", "-k", LATER)
    guest.tool("kernel-install", "add", LATER, f"/boot/vmlinuz-{LATER}")
    later = entry_of(guest, LATER)
    assert_words(options_of(later))
    assert options_of(later).count(f"systemd.machine_id={MACHINE_ID}") == 1
    because = [reason for finding in guest.report()["findings"] for reason in finding["because"]]
    assert set(guest.verdicts().values()) <= {"met", "not applicable"}, because
    image = f"/efi/{MACHINE_ID}/{LATER}/initrd.img-{LATER}"
    assert any(reason.startswith(f"{image} holds all") for reason in because), because

    guest.tool("kernel-install", "remove", LATER)
    shutil.rmtree(guest.root / f"usr/lib/modules/{LATER}")
    for path in (guest.root / "boot").glob(f"*-{LATER}"):
        path.unlink()
    for path in (guest.root / "var/lib/initramfs-tools").glob(LATER):
        path.unlink()
    assert guest.hvprep("rollback", "--yes").status == 0
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


def appended_words(guest: Guest) -> Sequence[Sequence[str]]:
    text = (guest.root / "boot/extlinux/extlinux.conf").read_text()
    return [line.split()[1:] for line in text.splitlines() if line.strip().startswith("append")]


def test_u_boot_update_writes_our_words_again(guest: Guest, system: str) -> None:
    install(guest, system, ["u-boot-menu"])
    guest.tool("u-boot-update")
    assert all("quiet" in words or "single" in words for words in appended_words(guest))
    done = guest.hvprep("prepare", "--yes", "--only", "kernel-parameters")
    assert done.status == 0, done
    made = (guest.root / "boot/extlinux/extlinux.conf").read_bytes()
    assert len(appended_words(guest)) == 2
    for words in appended_words(guest):
        assert_words(words)
    assert "single" in appended_words(guest)[1]

    guest.tool("u-boot-update")
    for words in appended_words(guest):
        assert_words(words)
    again = (guest.root / "boot/extlinux/extlinux.conf").read_bytes()
    assert sorted(again.split()) == sorted(made.split()), "the same words, of which `single` may come first"
    install_kernel(guest, LATER)
    shutil.copy2(guest.initrd(guest.kernels[0]), guest.initrd(LATER))
    guest.tool("u-boot-update")
    assert len(appended_words(guest)) == 4
    assert guest.verdicts()["kernel-parameters"] == "met"


def test_the_package_of_extlinux_alone_is_no_boot_loader(guest: Guest, system: str) -> None:
    install(guest, system, ["extlinux"])
    assert "none that hvprep knows" in guest.hvprep("check").output


def make_image(guest: Guest, cmdline: str) -> Path:
    """What ukify does with the stub, the kernel and the initrd."""
    target = guest.root / f"efi/EFI/Linux/debian-{guest.kernel}.efi"
    target.parent.mkdir(parents=True)
    texts = guest.root / "tmp"
    (texts / "cmdline").write_text(cmdline)
    (texts / "uname").write_text(guest.kernel)
    sections = {
        ".osrel": (guest.root / "usr/lib/os-release", 0x20000),
        ".cmdline": (texts / "cmdline", 0x30000),
        ".uname": (texts / "uname", 0x40000),
        ".linux": (guest.root / f"boot/vmlinuz-{guest.kernel}", 0x2000000),
        ".initrd": (guest.initrd(), 0x4000000),
    }
    options = [
        option
        for name, (path, address) in sections.items()
        for option in (f"--add-section={name}={path}", f"--change-section-vma={name}={address:#x}")
    ]
    subprocess.run(["objcopy", *options, str(guest.root / STUB), str(target)], check=True)
    return target


def test_a_real_unified_kernel_image_is_read(guest: Guest, system: str) -> None:
    install(guest, system, ["systemd-boot-efi"])
    image = make_image(guest, f"root=UUID={ROOT_UUID} ro quiet")
    before = take_snapshot(guest.root)
    done = guest.hvprep("check")
    assert done.status == 3, done
    name = f"/efi/EFI/Linux/{image.name}"
    assert f"unified kernel images: {name}, and no systemd-boot" in done.output
    assert f'entry "{image.name}"' in done.output
    because = {finding["id"]: " ".join(finding["because"]) for finding in guest.report()["findings"]}
    _, lacks = because["initrd-drivers"].split(f"{name} lacks ")
    assert all(driver in lacks for driver in DRIVERS if driver != "ext4"), lacks
    assert diff_snapshots(before, take_snapshot(guest.root)) == []

    done = guest.hvprep("prepare", "--yes")
    assert take_snapshot(guest.root)[name] == before[name]
    made_from = (guest.root / "etc/kernel/cmdline").read_text()
    assert_words(made_from.split())
    image.unlink()
    shutil.rmtree(image.parent)
    make_image(guest, made_from)
    assert guest.verdicts()["kernel-parameters"] == "met"
    assert guest.verdicts()["initrd-drivers"] == "met"
