"""What is written into the generators' own configuration, and how each is asked for an image."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Sequence

import pytest
from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.facts.tools import Generator, InitrdTool
from hvprep.formats.kernel_modules import parse_module_index
from hvprep.model.change import CANDIDATE, SCRATCH, Build, Write
from hvprep.model.node import GuestPath
from hvprep.steps.initrd.configuration import loadable_modules, looks_at_devices, plan_configuration
from hvprep.steps.initrd.images import new_image
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

MKINITRAMFS = InitrdTool(Generator.INITRAMFS_TOOLS, GuestPath("/usr/sbin/mkinitramfs"), "", "a test")
DRACUT = InitrdTool(Generator.DRACUT, GuestPath("/usr/bin/dracut"), "059", "a test")
NAMES = ("hv_vmbus", "hv_storvsc", "sd_mod", "fs-ext4")


def kernel(version: str, modules: Sequence[str], builtin: Sequence[str] = ()) -> Kernel:
    index = parse_module_index(
        "".join(f"kernel/{name}.ko:\n" for name in modules).encode(),
        "".join(f"kernel/{name}.ko\n" for name in builtin).encode(),
        b"",
        b"alias fs-ext4 ext4\n" if "ext4" in modules else b"",
        b"ext4.alias=fs-ext4\0" if "ext4" in builtin else b"",
    )
    return Kernel(version, GuestPath(f"/boot/vmlinuz-{version}"), None, index)


FULL = kernel("6.1", ["hv_vmbus", "hv-storvsc", "sd_mod", "ext4"])
CLOUD = kernel("6.1-cloud", ["hv_vmbus"], ["hv_storvsc", "sd_mod", "ext4"])
BARE = Kernel("5.10", GuestPath("/boot/vmlinuz-5.10"), None, None)


@pytest.mark.parametrize(
    ("kernels", "everywhere", "names"),
    [
        ([FULL], True, ["hv_vmbus", "hv_storvsc", "sd_mod", "ext4"]),
        ([FULL, CLOUD], True, ["hv_vmbus"]),
        ([FULL, CLOUD], False, ["hv_vmbus", "hv_storvsc", "sd_mod", "ext4"]),
        ([FULL, BARE], True, ["hv_vmbus", "hv_storvsc", "sd_mod", "ext4"]),
        ([CLOUD], True, ["hv_vmbus"]),
        ([BARE], True, []),
        ([], False, []),
    ],
)
def test_only_names_that_resolve(kernels: List[Kernel], everywhere: bool, names: List[str]) -> None:
    """An unknown or built-in name makes dracut drop what follows it (boot.md, fact 1)."""
    assert list(loadable_modules(kernels, NAMES, everywhere)) == names


def written(
    tmp_path: Path, text: str, tool: InitrdTool, kernels: Sequence[Kernel] = (FULL,)
) -> Optional[str]:
    add_to_tree(tmp_path, text)
    (*outcomes,) = plan_configuration(Root(tmp_path), tool, kernels, NAMES)
    if not outcomes:
        return None
    (write,) = outcomes
    assert isinstance(write, Write)
    return write.content.decode()


HEADING = "# Drivers of Hyper-V and of the root file system, added by hvprep.\n"
ALL = "hv_vmbus\nhv_storvsc\nsd_mod\next4\n"
MODULES = "file /etc/initramfs-tools/modules\n"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("", HEADING + ALL),
        (f"{MODULES}|# mine\n|raid1\n", f"# mine\nraid1\n{HEADING}{ALL}"),
        (
            f"{MODULES}|hv_vmbus\n|hv-storvsc some=parameter\n",
            f"hv_vmbus\nhv-storvsc some=parameter\n{HEADING}sd_mod\next4\n",
        ),
        (
            f"{MODULES}|#hv_vmbus\n|  hv_storvsc\n",
            f"#hv_vmbus\n  hv_storvsc\n{HEADING}hv_vmbus\nsd_mod\next4\n",
        ),
        (f"{MODULES}|{HEADING}|hv_vmbus\n", f"{HEADING}hv_vmbus\nhv_storvsc\nsd_mod\next4\n"),
        (f"{MODULES}|ext4\n|sd_mod\n|hv_storvsc\n|hv_vmbus\n", None),
    ],
)
def test_the_list_of_initramfs_tools(tmp_path: Path, text: str, content: Optional[str]) -> None:
    assert written(tmp_path, text, MKINITRAMFS) == content


def test_a_list_without_a_final_newline(tmp_path: Path) -> None:
    (tmp_path / "etc/initramfs-tools").mkdir(parents=True)
    (tmp_path / "etc/initramfs-tools/modules").write_bytes(b"raid1 \xff")
    (write,) = plan_configuration(Root(tmp_path), MKINITRAMFS, [FULL], NAMES)
    assert isinstance(write, Write)
    assert write.content == b"raid1 \xff\n" + (HEADING + ALL).encode()


def test_the_drop_in_of_dracut(tmp_path: Path) -> None:
    """Blanks inside the quotes: two such lines would else run together into one name."""
    drop_in = HEADING + 'add_drivers+=" hv_vmbus hv_storvsc sd_mod ext4 "\n'
    assert written(tmp_path, "", DRACUT) == drop_in
    lines = "".join(f"|{line}\n" for line in drop_in.splitlines())
    assert written(tmp_path, f"file /etc/dracut.conf.d/90-hvprep.conf\n{lines}", DRACUT) is None
    assert written(tmp_path, "", DRACUT, [BARE]) is None


CONF = "file /etc/initramfs-tools/initramfs.conf\n|MODULES={}\n"
POLICY = "file /etc/initramfs-tools/conf.d/{}\n|MODULES={}\n"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (CONF.format("most"), False),
        (CONF.format("list"), False),
        (CONF.format("dep"), True),
        (CONF.format("dep") + POLICY.format("driver-policy", "most"), False),
        (CONF.format("most") + POLICY.format("driver-policy", "dep"), True),
        (CONF.format("most") + POLICY.format("a", "dep") + POLICY.format("b", "most"), False),
        (CONF.format("$(choose)"), True),
        ("", False),
    ],
)
def test_who_looks_at_the_devices_of_the_builder(tmp_path: Path, text: str, answer: bool) -> None:
    add_to_tree(tmp_path, text)
    assert looks_at_devices(Root(tmp_path), MKINITRAMFS) == answer
    assert looks_at_devices(Root(tmp_path), DRACUT)


def image(tool: InitrdTool, generic: bool, initrd: Optional[Initrd] = None, of: Kernel = FULL) -> Build:
    return new_image(tool, of, initrd, NAMES, ("hv_vmbus",), generic, 77, "a test")


def test_how_mkinitramfs_is_asked() -> None:
    build = image(MKINITRAMFS, False)
    assert build.argv == ("/usr/sbin/mkinitramfs", "-o", CANDIDATE, "6.1")
    assert (build.target, build.subject, build.judge) == (GuestPath("/boot/initrd.img-6.1"), "6.1", "initrd")
    assert (build.copy, build.scratch, build.timeout_s) == ((), (), 77)
    generic = image(MKINITRAMFS, True)
    assert generic.argv == ("/usr/sbin/mkinitramfs", "-d", f"{SCRATCH}/conf", "-o", CANDIDATE, "6.1")
    assert generic.copy == ((GuestPath("/etc/initramfs-tools"), "conf"),)
    assert generic.scratch[0][0].startswith("conf/conf.d/zzz")


def test_how_dracut_is_asked() -> None:
    drivers = ("--add-drivers", "hv_vmbus hv_storvsc sd_mod ext4", "--tmpdir", SCRATCH, CANDIDATE, "6.1")
    assert image(DRACUT, False).argv == ("/usr/bin/dracut", "--force", *drivers)
    every = ("--no-hostonly", "--no-hostonly-cmdline")
    assert image(DRACUT, True).argv == ("/usr/bin/dracut", "--force", *every, *drivers)
    assert image(DRACUT, True).target == GuestPath("/boot/initramfs-6.1.img")
    assert "--add-drivers" not in image(DRACUT, True, of=kernel("5.1", [], ["hv_vmbus"])).argv


def test_an_image_that_there_is_keeps_its_name() -> None:
    old = Initrd(GuestPath("/boot/initrd-6.1"), 1000, None, "damaged")
    assert image(DRACUT, True, old).target == GuestPath("/boot/initrd-6.1")
