"""Which files in /boot are kernels of this system, and what belongs to each."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import pytest
from hvprep.facts.kernels import probe_kernels, version_key
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree


def make_root(tmp_path: Path, text: str) -> Root:
    (tmp_path / "boot").mkdir()
    add_to_tree(tmp_path, text)
    return Root(tmp_path)


def versions(root: Root) -> List[str]:
    return [kernel.version for kernel in probe_kernels(root)]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("vmlinuz-6.1.0-56-amd64", "6.1.0-56-amd64"),
        ("vmlinux-6.1.0-powerpc64le", "6.1.0-powerpc64le"),
        ("kernel-5.14.0", "5.14.0"),
        ("Image-5.14.21-default", "5.14.21-default"),
        ("vmlinuz-2.6.32-754.el6.x86_64", "2.6.32-754.el6.x86_64"),
        ("vmlinuz-6.12.117+deb13-amd64", "6.12.117+deb13-amd64"),
        ("vmlinuz-0-rescue-0123456789abcdef", None),
        ("vmlinuz-6.1.0.bak", None),
        ("vmlinuz-6.1.0.backup", None),
        ("vmlinuz-6.1.0.old", None),
        ("vmlinuz-6.1.0.dpkg-new", None),
        ("vmlinuz-6.1.0.rpmsave", None),
        ("vmlinuz-6.1.0~", None),
        ("vmlinuz-6.1.0.sig", None),
        (".vmlinuz-6.1.0.hmac", None),
        ("vmlinuz", None),
        ("vmlinuz-", None),
        ("vmlinuz-5.14.21-150400.22-kdump", None),
        ("vmlinux-5.14.21-150400.22-default.gz", None),
        ("vmlinuz-0-rescue", None),
        ("memtest86+x64.bin", None),
        ("System.map-6.1.0", None),
        ("config-6.1.0", None),
        ("initrd.img-6.1.0", None),
    ],
)
def test_names(tmp_path: Path, name: str, version: Optional[str]) -> None:
    assert versions(make_root(tmp_path, f"file /boot/{name}\n|x\n")) == ([version] if version else [])


def test_links_and_directories(tmp_path: Path) -> None:
    root = make_root(
        tmp_path,
        "file /srv/kernel\n|x\nlink /boot/vmlinuz-5.1 ../srv/kernel\nlink /boot/vmlinuz-5.2 missing\n"
        "dir /boot/vmlinuz-5.3\nlink /boot/vmlinuz-5.4 ../../../etc/passwd\n",
    )
    assert versions(root) == ["5.1"]


def test_the_oldest_comes_first(tmp_path: Path) -> None:
    names = ("6.1.0-10-amd64", "6.1.0-9-amd64", "5.10.0", "6.1.0-9-cloud-amd64")
    root = make_root(tmp_path, "".join(f"file /boot/vmlinuz-{name}\n|x\n" for name in names))
    assert versions(root)[0] == "5.10.0"
    assert versions(root)[-1] == "6.1.0-10-amd64"
    assert version_key("6.1.0-9-amd64") < version_key("6.1.0-10-amd64")
    assert version_key("6.1.0-rc1") < version_key("6.1.0-1")


@pytest.mark.parametrize("name", ["initrd.img-5.1", "initramfs-5.1.img", "initrd-5.1", "initrd-5.1.img"])
def test_its_initrd(tmp_path: Path, name: str) -> None:
    root = make_root(
        tmp_path, f"file /boot/vmlinuz-5.1\n|x\nfile /boot/{name}\n|x\nfile /boot/{name}.bak\n|x\n"
    )
    assert probe_kernels(root)[0].initrd == GuestPath(f"/boot/{name}")


def test_without_initrd_and_modules(tmp_path: Path) -> None:
    (kernel,) = probe_kernels(
        make_root(tmp_path, "file /boot/vmlinuz-5.1\n|x\nfile /boot/initrd.img-5.10\n|x\n")
    )
    assert (kernel.initrd, kernel.modules) == (None, None)
    assert kernel.problem == "/lib/modules/5.1/modules.dep is not there"


@pytest.mark.parametrize("directory", ["/lib/modules", "/usr/lib/modules"])
def test_its_modules(tmp_path: Path, directory: str) -> None:
    link = "link /lib usr/lib\n" if directory.startswith("/usr") else ""
    text = f"file {directory}/5.1/modules.dep\n|kernel/a.ko.xz: kernel/b.ko.xz\n|kernel/b.ko.xz:\n"
    (kernel,) = probe_kernels(make_root(tmp_path, f"{link}{text}file /boot/vmlinuz-5.1\n|x\n"))
    assert kernel.modules is not None
    assert kernel.modules.closure(["a"]).modules == {"a", "b"}


def test_a_garbled_index(tmp_path: Path) -> None:
    text = "file /lib/modules/5.1/modules.dep\n|no index\nfile /boot/vmlinuz-5.1\n|x\n"
    (kernel,) = probe_kernels(make_root(tmp_path, text))
    assert kernel.modules is None
    assert "/lib/modules/5.1: modules.dep does not read in line 1" in (kernel.problem or "")


def test_no_boot_at_all(tmp_path: Path) -> None:
    assert probe_kernels(Root(tmp_path)) == ()


def bzimage(version: str) -> bytes:
    """The header of an x86 kernel, and nothing else."""
    head = bytearray(0x280)
    head[0x202:0x206], head[0x20E:0x210] = b"HdrS", (0x80).to_bytes(2, "little")
    return bytes(head) + version.encode() + b" (builder@host) #1\0"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("file /lib/modules/6.6.8-arch1-1/pkgbase\n|linux\nfile /lib/modules/6.6.8-lts/pkgbase\n|linux-lts\n",
         "6.6.8-arch1-1"),
        ("file /usr/share/kernel/linux/kernel.release\n|6.6.31-0-linux\n", "6.6.31-0-linux"),
        ("dir /lib/modules/6.6.31-0-linux\ndir /lib/modules/6.6.31-0-virt\n", "6.6.31-0-linux"),
        ("dir /lib/modules/6.6.31-0-linux\ndir /lib/modules/6.6.30-0-linux\n", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_version_of_a_kernel_whose_name_is_none(tmp_path: Path, text: str, version: str) -> None:
    (kernel,) = probe_kernels(make_root(tmp_path, f"{text}file /boot/vmlinuz-linux\n|made up\n"))
    assert (kernel.version, kernel.label, kernel.name) == (version, "linux", "linux")
    assert kernel.problem is not None
    if not version:
        assert "neither /boot/vmlinuz-linux nor /lib/modules tells its version" in kernel.problem


def test_the_image_itself_is_the_first_to_be_asked(tmp_path: Path) -> None:
    root = make_root(tmp_path, "file /lib/modules/6.6.8-arch1-1/pkgbase\n|linux\n")
    (tmp_path / "boot/vmlinuz-linux").write_bytes(bzimage("6.7.1-arch1-1"))
    assert versions(root) == ["6.7.1-arch1-1"]


def test_its_initrds_by_its_name(tmp_path: Path) -> None:
    names = ("initramfs-linux.img", "initramfs-linux-fallback.img", "initramfs-linux-lts.img")
    files = "".join(f"file /boot/{name}\n|x\n" for name in (*names, "vmlinuz-linux"))
    (kernel,) = probe_kernels(make_root(tmp_path, files))
    assert [path.name for path in kernel.initrds] == list(names[:2])


def test_alpine(tmp_path: Path) -> None:
    text = "file /boot/vmlinuz-lts\n|x\nfile /boot/initramfs-lts\n|x\ndir /lib/modules/6.6.31-0-lts\n"
    (kernel,) = probe_kernels(make_root(tmp_path, text + "link /boot/boot .\n"))
    assert (kernel.version, kernel.initrds) == ("6.6.31-0-lts", (GuestPath("/boot/initramfs-lts"),))


def test_the_kernel_of_xen_has_an_initrd_of_its_own(tmp_path: Path) -> None:
    """RHBZ#1141145: its name holds the other kernel's version."""
    names = ("2.6.18-308.el5", "2.6.18-308.el5xen")
    files = "".join(f"file /boot/vmlinuz-{name}\n|x\nfile /boot/initrd-{name}.img\n|x\n" for name in names)
    found = {kernel.version: kernel.initrd for kernel in probe_kernels(make_root(tmp_path, files))}
    assert found == {name: GuestPath(f"/boot/initrd-{name}.img") for name in names}


def test_a_second_name_is_no_second_kernel(tmp_path: Path) -> None:
    text = "file /boot/vmlinuz-3.0-xen\n|x\nlink /boot/vmlinuz-xen vmlinuz-3.0-xen\n"
    assert versions(make_root(tmp_path, text)) == ["3.0-xen"]


@pytest.mark.parametrize("place", ["/boot", "/efi", "/boot/efi"])
def test_where_kernel_install_puts_kernels(tmp_path: Path, place: str) -> None:
    directory = f"{place}/0123456789abcdef/6.1-x"
    text = f"file {directory}/linux\n|x\nfile {directory}/initrd\n|x\nfile /boot/vmlinuz-6.1-x\n|x\n"
    text += f"file {place}/0123456789abcdef/0-rescue/linux\n|x\n"
    kernels = probe_kernels(make_root(tmp_path, text))
    found = {str(kernel.image): kernel.initrd for kernel in kernels}
    assert found == {f"{directory}/linux": GuestPath(f"{directory}/initrd"), "/boot/vmlinuz-6.1-x": None}
    assert {kernel.version for kernel in kernels} == {"6.1-x"}


def test_grub_mkconfig_takes_the_first_of_several(tmp_path: Path) -> None:
    names = ("vmlinuz-5.1", "initramfs-5.1.img", "initrd-5.1.img")
    (kernel,) = probe_kernels(make_root(tmp_path, "".join(f"file /boot/{name}\n|x\n" for name in names)))
    assert kernel.initrd == GuestPath("/boot/initrd-5.1.img")


def test_a_kernel_that_can_load_no_modules(tmp_path: Path) -> None:
    config = "|# CONFIG_MODULES is not set\n|CONFIG_HYPERV=y\n|CONFIG_HYPERV_STORAGE=y\n|CONFIG_EXT4_FS=y\n"
    text = f"file /boot/vmlinuz-5.1\n|x\nfile /boot/config-5.1\n{config}"
    (kernel,) = probe_kernels(make_root(tmp_path, text))
    assert kernel.modules is not None
    assert [kernel.modules.is_builtin(name) for name in ("hv_vmbus", "hv_storvsc", "ext4", "hv_netvsc")] == [
        *(True, True, True, False)
    ]
    assert kernel.problem is None
