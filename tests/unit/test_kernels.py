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
        ("vmlinuz-linux", None),
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
