"""The real update-grub of Debian's grub-legacy, which makes the menu anew for the next kernel."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.chroot.guest import CHECKOUT, CONSOLE, Guest, overlaid_guest
from tests.roots import cache_directory, pristine_root

MENU = "boot/grub/menu.lst"
OURS = [CONSOLE, "earlyprintk=ttyS0,115200", "rootwait"]


def package() -> Path:
    """grub-legacy of Debian 12, by apt."""
    directory = cache_directory()
    if not list(directory.glob("grub-legacy_*.deb")):
        argv = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "grub-legacy"]
        subprocess.run(argv, cwd=directory, check=True)
    return next(directory.glob("grub-legacy_*.deb"))


@pytest.fixture(params=["bookworm-initramfs-tools", "trixie-initramfs-tools"])
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    """grub-legacy in place of GRUB 2, and the menu of a Debian 5, which it makes anew."""
    with overlaid_guest(pristine_root(request.param), one_disk=True) as guest:
        for name in ("usr/sbin/grub-mkconfig", "boot/grub/grub.cfg"):
            (guest.root / name).unlink()
        subprocess.run(["dpkg-deb", "-x", str(package()), str(guest.root)], check=True)
        stage = guest.root / "usr/lib/grub/x86_64-pc/stage2"
        (guest.root / "boot/grub/stage2").write_bytes(stage.read_bytes())
        (guest.root / "boot/grub/device.map").write_text("(hd0) /dev/sda\n")
        menu = (CHECKOUT / "tests/unit/data/boot/debian5/boot/grub/menu.lst").read_text()
        (guest.root / MENU).write_text(menu)
        guest.tool("update-grub")
        yield guest


def kernel_lines(guest: Guest) -> List[List[str]]:
    """The words after the kernel's path, of each line that loads Linux."""
    lines = [line.split() for line in (guest.root / MENU).read_text().splitlines()]
    return [words[2:] for words in lines if words[:1] and words[0] in ("kernel", "module") and len(words) > 3]


def test_the_next_update_grub_keeps_our_words_and_our_commands(guest: Guest) -> None:
    assert [words[-1] for words in kernel_lines(guest)] == ["quiet", "single"]
    for requirement in ("kernel-parameters", "serial-grub"):
        done = guest.hvprep("prepare", "--yes", "--only", requirement)
        assert done.status == 0, done
    prepared = (guest.root / MENU).read_text()
    guest.tool("update-grub")
    remade = (guest.root / MENU).read_text()
    assert [words for words in kernel_lines(guest) if words[-1] == "single" and words[-4:-1] != OURS] == []
    assert (
        remade.splitlines()[: remade.splitlines().index("### BEGIN AUTOMAGIC KERNELS LIST")]
        == (prepared.splitlines()[: prepared.splitlines().index("### BEGIN AUTOMAGIC KERNELS LIST")])
    )
    verdicts = guest.verdicts()
    assert (verdicts["kernel-parameters"], verdicts["serial-grub"]) == ("met", "met")


def test_the_next_kernel_has_our_words_too_below_xen_as_well(guest: Guest) -> None:
    assert guest.hvprep("prepare", "--yes", "--only", "kernel-parameters").status == 0
    boot = guest.root / "boot"
    for name in ("vmlinuz", "initrd.img"):
        (boot / f"{name}-6.99-amd64").write_bytes(b"made up")
    (boot / "config-6.99-amd64").write_text(
        "CONFIG_XEN=y\nCONFIG_XEN_PRIVILEGED_GUEST=y\nCONFIG_XEN_DOM0=y\n"
    )
    (boot / "xen-4.17-amd64.gz").write_bytes(b"made up")
    guest.tool("update-grub")
    assert "\nmodule\t\t/boot/vmlinuz-6.99-amd64 " in (guest.root / MENU).read_text()
    lines = kernel_lines(guest)
    assert len(lines) >= 5
    for words in lines:
        assert set(OURS) <= set(words), words
        assert [word for word in words if word.startswith("console=")] == ["console=tty0", CONSOLE]
        assert "quiet" not in words
    assert guest.verdicts()["kernel-parameters"] == "met"
