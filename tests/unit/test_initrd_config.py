"""What is written into the generators' own configuration, and how each is asked for an image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import pytest
from hvprep.errors import FormatError
from hvprep.facts.initrd_tools import Generator, InitrdTool
from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.formats.kernel_modules import parse_module_index
from hvprep.model.change import CANDIDATE, CANDIDATE_NAME, SCRATCH, Build, Write
from hvprep.model.node import GuestPath
from hvprep.steps.initrd.configuration import add_to_list, loadable_modules
from hvprep.steps.initrd.images import first_path, new_image
from hvprep.steps.initrd.maker import Order
from hvprep.steps.initrd.makers import MAKERS
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
    (*outcomes,) = MAKERS[tool.generator].plan_configuration(Root(tmp_path), tool, kernels, NAMES)
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
    (write,) = MAKERS[Generator.INITRAMFS_TOOLS].plan_configuration(
        Root(tmp_path), MKINITRAMFS, [FULL], NAMES
    )
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
    assert MAKERS[Generator.INITRAMFS_TOOLS].looks_at_devices(Root(tmp_path)) == answer
    assert MAKERS[Generator.DRACUT].looks_at_devices(Root(tmp_path))


@dataclass(frozen=True)
class Asked:
    """Asks generators for images in a root."""

    root: Root

    def __call__(
        self, tool: InitrdTool, generic: bool, initrd: Optional[Initrd] = None, of: Kernel = FULL
    ) -> Build:
        target = initrd.path if initrd else first_path(tool, of, [of])
        order = Order(tool, of, target, loadable_modules([of], NAMES, everywhere=True), generic)
        return new_image(self.root, order, initrd, ("hv_vmbus",), 77, "a test")


@pytest.fixture
def image(tmp_path: Path) -> Asked:
    return Asked(Root(tmp_path))


def test_how_mkinitramfs_is_asked(image: Asked) -> None:
    build = image(MKINITRAMFS, False)
    assert build.argv == ("/usr/sbin/mkinitramfs", "-o", CANDIDATE, "6.1")
    assert (build.target, build.subject, build.judge) == (GuestPath("/boot/initrd.img-6.1"), "6.1", "initrd")
    assert (build.copy, build.scratch, build.timeout_s) == ((), (), 77)
    generic = image(MKINITRAMFS, True)
    assert generic.argv == ("/usr/sbin/mkinitramfs", "-d", f"{SCRATCH}/conf", "-o", CANDIDATE, "6.1")
    assert generic.copy == ((GuestPath("/etc/initramfs-tools"), "conf"),)
    assert generic.scratch[0][0].startswith("conf/conf.d/zzz")


def test_how_dracut_is_asked(image: Asked) -> None:
    drivers = ("--add-drivers", "hv_vmbus hv_storvsc sd_mod ext4", "--tmpdir", SCRATCH, CANDIDATE, "6.1")
    assert image(DRACUT, False).argv == ("/usr/bin/dracut", "--force", *drivers)
    every = ("--no-hostonly", "--no-hostonly-cmdline")
    assert image(DRACUT, True).argv == ("/usr/bin/dracut", "--force", *every, *drivers)
    assert image(DRACUT, True).target == GuestPath("/boot/initramfs-6.1.img")
    assert "--add-drivers" not in image(DRACUT, True, of=kernel("5.1", [], ["hv_vmbus"])).argv


def test_an_image_that_there_is_keeps_its_name(image: Asked) -> None:
    old = Initrd(GuestPath("/boot/initrd-6.1"), 1000, None, "damaged")
    assert image(DRACUT, True, old).target == GuestPath("/boot/initrd-6.1")


def test_a_first_image_is_named_like_the_others() -> None:
    other = replace(CLOUD, initrd=GuestPath("/boot/initrd-6.1-cloud"))
    assert first_path(DRACUT, FULL, [FULL, other]) == GuestPath("/boot/initrd-6.1")
    assert first_path(DRACUT, FULL, [FULL, CLOUD]) == GuestPath("/boot/initramfs-6.1.img")
    on_esp = replace(FULL, image=GuestPath("/efi/0123/6.1/linux"))
    assert first_path(DRACUT, on_esp, [on_esp, other]) == GuestPath("/efi/0123/6.1/initrd")


def old_dracut(tmp_path: Path, more: str = "") -> InitrdTool:
    """Before 008: no --no-hostonly, no --tmpdir; upstream's 004 has no drop-ins either."""
    text = (
        f"file /sbin/dracut 755\n|#!/bin/bash\n|while case $1 in --force) --add-drivers) --hostonly)\n{more}"
    )
    add_to_tree(tmp_path, text)
    return InitrdTool(Generator.DRACUT, GuestPath("/sbin/dracut"), "", "a test")


def test_an_old_dracut_is_asked_for_what_it_knows(tmp_path: Path, image: Asked) -> None:
    tool = old_dracut(tmp_path)
    drivers = ("--add-drivers", "hv_vmbus hv_storvsc sd_mod ext4")
    assert image(tool, True).argv == ("/sbin/dracut", "--force", *drivers, CANDIDATE, "6.1")


def test_getopt_names_long_options_without_dashes(tmp_path: Path, image: Asked) -> None:
    text = "|#!/bin/bash\n|getopt --long add-drivers: --long no-hostonly --long tmpdir:\n"
    add_to_tree(tmp_path, f"file /usr/bin/dracut 755\n{text}")
    argv = image(DRACUT, True).argv
    assert "--no-hostonly" in argv
    assert "--tmpdir" in argv
    assert "--no-hostonly-cmdline" not in argv


def test_the_beginning_of_an_option_is_none(tmp_path: Path, image: Asked) -> None:
    add_to_tree(tmp_path, "file /usr/bin/dracut 755\n|#!/bin/bash\n|getopt --long no-hostonly-cmdline\n")
    argv = image(DRACUT, True).argv
    assert "--no-hostonly-cmdline" in argv
    assert "--no-hostonly" not in argv


LINE = 'add_drivers+=" hv_vmbus hv_storvsc sd_mod ext4 "\n'


@pytest.mark.parametrize(
    ("conf", "content"),
    [
        ("", HEADING + LINE),
        ("|# mine\n|x=y\n", f"# mine\nx=y\n{HEADING}{LINE}"),
        (f'|a=b\n|{HEADING}|add_drivers+=" hv_vmbus "\n|c=d\n', f"a=b\nc=d\n{HEADING}{LINE}"),
        (f"|a=b\n|{HEADING}|{LINE}", None),
    ],
)
def test_a_dracut_without_drop_ins(tmp_path: Path, conf: str, content: Optional[str]) -> None:
    tool = old_dracut(tmp_path, f"file /etc/dracut.conf\n{conf}")
    assert written(tmp_path, "", tool) == content


def test_a_drop_in_where_there_is_a_directory_for_it(tmp_path: Path) -> None:
    tool = old_dracut(tmp_path, "dir /etc/dracut.conf.d\n")
    assert written(tmp_path, "", tool) == HEADING + LINE


NASH = InitrdTool(Generator.NASH_MKINITRD, GuestPath("/sbin/mkinitrd"), "", "a test")
SUSE = InitrdTool(Generator.SUSE_MKINITRD, GuestPath("/sbin/mkinitrd"), "", "a test")
MKINITCPIO = InitrdTool(Generator.MKINITCPIO, GuestPath("/usr/bin/mkinitcpio"), "", "a test")
MKINITFS = InitrdTool(Generator.MKINITFS, GuestPath("/sbin/mkinitfs"), "", "a test")
BOOSTER = InitrdTool(Generator.BOOSTER, GuestPath("/usr/bin/booster"), "", "a test")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", f"{HEADING}alias scsi_hostadapter hv_storvsc\n"),
        (
            "|alias eth0 tulip\n|alias scsi_hostadapter ata_piix\n",
            "alias eth0 tulip\nalias scsi_hostadapter ata_piix\n"
            f"{HEADING}alias scsi_hostadapter1 hv_storvsc\n",
        ),
        ("|alias  scsi_hostadapter3 hv-storvsc\n", None),
        (
            "|alias scsi_hostadapter7 x\n|#alias scsi_hostadapter8 y\n",
            "alias scsi_hostadapter7 x\n#alias scsi_hostadapter8 y\n"
            f"{HEADING}alias scsi_hostadapter8 hv_storvsc\n",
        ),
    ],
)
def test_the_aliases_of_el_5(tmp_path: Path, old: str, new: Optional[str]) -> None:
    """ext4 comes from fstab, hv_vmbus and sd_mod with hv_storvsc."""
    assert written(tmp_path, f"file /etc/modprobe.conf\n{old}" if old else "", NASH) == new


def test_how_mkinitrd_of_el_5_is_asked(image: Asked) -> None:
    argv = image(NASH, True).argv
    early, late = ("--preload=hv_vmbus", "--preload=hv_storvsc"), ("--with=sd_mod", "--with=ext4")
    assert argv == ("/sbin/mkinitrd", "-f", *early, *late, CANDIDATE, "6.1")
    assert image(NASH, True).target == GuestPath("/boot/initrd-6.1.img")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('|INITRD_MODULES="ata_piix ata"\n|A=""\n',
         'INITRD_MODULES="ata_piix ata hv_vmbus hv_storvsc sd_mod"\nA=""\n'),
        ('|INITRD_MODULES=""  # none\n', 'INITRD_MODULES="hv_vmbus hv_storvsc sd_mod"  # none\n'),
        ('|INITRD_MODULES="hv-vmbus hv_storvsc sd_mod processor"\n', None),
        ('|INITRD_MODULES="hv_vmbus"\n|INITRD_MODULES="sd_mod"\n',
         'INITRD_MODULES="hv_vmbus"\nINITRD_MODULES="sd_mod"\n'
         'INITRD_MODULES="$INITRD_MODULES hv_vmbus hv_storvsc"\n'),
    ],
)  # fmt: skip
def test_the_list_of_suse(tmp_path: Path, old: str, new: Optional[str]) -> None:
    assert written(tmp_path, f"file /etc/sysconfig/kernel\n{old}", SUSE) == new


def test_how_mkinitrd_of_suse_is_asked(image: Asked) -> None:
    build = image(SUSE, True)
    assert build.argv == ("/sbin/mkinitrd", "-B", "-k", "vmlinuz-6.1", "-i", CANDIDATE_NAME)
    assert build.target == GuestPath("/boot/initrd-6.1")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("L=a\n", 'L="a b"\n'),
        ("L='a' # c\n", 'L="a b" # c\n'),
        ("L=\n", 'L="b"\n'),
        ("", 'L="$L b"\n'),
        ('L="a $X"\n', 'L="a $X"\nL="$L b"\n'),
        ('if x; then\nL="a"\nfi\n', 'if x; then\nL="a"\nfi\nL="$L b"\n'),
        ('LL="b"\nL="a"', 'LL="b"\nL="a b"'),
        ('L="a\n  c"\n', 'L="a c b"\n'),
        ('L="a b"\n', 'L="a b"\n'),
    ],
)
def test_a_list_that_sh_reads(text: str, result: str) -> None:
    assert add_to_list(text, "L", ["b"]) == result
    assert add_to_list(result, "L", ["b"]) == result


KNOWS_DROP_INS = "file /usr/bin/mkinitcpio 755\n|#!/bin/bash\n|_d_config=/etc/mkinitcpio.conf.d\n"
KNOWS_NONE = "file /usr/bin/mkinitcpio 755\n|#!/bin/bash\n"
PRESET = (
    'file /etc/mkinitcpio.d/6.1.preset\n|{}ALL_config="/etc/other.conf"\n|fallback_options="-S autodetect"\n'
)
ARRAY = "MODULES+=(hv_vmbus hv_storvsc sd_mod ext4)\n"


def mkinitcpio_files(tmp_path: Path, text: str) -> Dict[str, str]:
    add_to_tree(tmp_path, text)
    plan = MAKERS[Generator.MKINITCPIO].plan_configuration
    outcomes = list(plan(Root(tmp_path), MKINITCPIO, [FULL], NAMES))
    return {str(each.path): each.content.decode() for each in outcomes if isinstance(each, Write)}


def test_mkinitcpio_has_drop_ins_since_38(tmp_path: Path) -> None:
    found = mkinitcpio_files(tmp_path, KNOWS_DROP_INS + PRESET.format("#"))
    assert found == {"/etc/mkinitcpio.conf.d/90-hvprep.conf": HEADING + ARRAY}


def test_a_preset_that_names_its_configuration_reads_no_drop_ins(tmp_path: Path, image: Asked) -> None:
    found = mkinitcpio_files(
        tmp_path, KNOWS_DROP_INS + PRESET.format("") + "file /etc/other.conf\n|MODULES=()\n"
    )
    assert found == {"/etc/other.conf": "MODULES=(hv_vmbus hv_storvsc sd_mod ext4)\n"}
    argv = ("/usr/bin/mkinitcpio", "-c", "/etc/other.conf", "-S", "autodetect", "-k", "6.1", "-g", CANDIDATE)
    assert image(MKINITCPIO, True).argv == argv


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MODULES=()", "MODULES=(hv_vmbus hv_storvsc sd_mod ext4)"),
        ("MODULES=(ext4 'hv-vmbus'\n  sd_mod) # x", "MODULES=(ext4 'hv-vmbus'\n  sd_mod hv_storvsc) # x"),
        (
            "MODULES=(ext4\n  # hv_vmbus (x)\n)",
            "MODULES=(ext4 hv_vmbus hv_storvsc sd_mod\n  # hv_vmbus (x)\n)",
        ),
        (
            'MODULES="ext4 sd_mod"',
            'MODULES="ext4 sd_mod"\nMODULES="$MODULES hv_vmbus hv_storvsc"',
        ),
        ("#MODULES=(hv_vmbus)", f"#MODULES=(hv_vmbus)\n{ARRAY.rstrip()}"),
        (
            "MODULES=(hv_vmbus hv_storvsc)\nMODULES=(x)\nMODULES+=(ext4)",
            "MODULES=(hv_vmbus hv_storvsc)\nMODULES=(x)\nMODULES+=(ext4 hv_vmbus hv_storvsc sd_mod)",
        ),
        ("MODULES=(hv_vmbus hv_storvsc sd_mod ext4)", None),
    ],
)
def test_the_modules_of_mkinitcpio(tmp_path: Path, old: str, new: Optional[str]) -> None:
    conf = "file /etc/mkinitcpio.conf\n" + "".join(f"|{each}\n" for each in old.split("\n"))
    expected = {"/etc/mkinitcpio.conf": f"{new}\n"} if new else {}
    assert mkinitcpio_files(tmp_path, KNOWS_NONE + conf) == expected
    for path, content in expected.items():
        (tmp_path / path[1:]).write_text(content)
    assert mkinitcpio_files(tmp_path, KNOWS_NONE) == {}, "once is enough"


def test_modules_that_are_no_array_any_more_are_told_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(
        FormatError, match="^/etc/mkinitcpio.conf: the array that begins in line 1 never ends"
    ):
        mkinitcpio_files(tmp_path, KNOWS_NONE + "file /etc/mkinitcpio.conf\n|MODULES=(ext4\n")


def test_how_mkinitcpio_is_asked(image: Asked) -> None:
    arch = replace(FULL, image=GuestPath("/boot/vmlinuz-linux"), label="linux")
    build = image(MKINITCPIO, False, of=arch)
    assert build.target == GuestPath("/boot/initramfs-linux.img")
    assert build.argv == ("/usr/bin/mkinitcpio", "-k", "6.1", "-g", CANDIDATE)
    fallback = Initrd(GuestPath("/boot/initramfs-linux-fallback.img"), 1000, None, "damaged")
    argv = image(MKINITCPIO, False, fallback, arch).argv
    assert argv == ("/usr/bin/mkinitcpio", "-S", "autodetect", "-k", "6.1", "-g", CANDIDATE)


def test_the_feature_of_mkinitfs(tmp_path: Path, image: Asked) -> None:
    add_to_tree(tmp_path, 'file /etc/mkinitfs/mkinitfs.conf\n|features="ata base scsi"\n')
    plan = MAKERS[Generator.MKINITFS].plan_configuration
    outcomes = list(plan(Root(tmp_path), MKINITFS, [FULL], NAMES))
    files = {str(each.path): each.content.decode() for each in outcomes if isinstance(each, Write)}
    paths = "".join(f"kernel/{name}.ko*\n" for name in ("hv_vmbus", "hv-storvsc", "sd_mod", "ext4"))
    assert files == {
        "/etc/mkinitfs/features.d/hvprep.modules": HEADING + paths,
        "/etc/mkinitfs/mkinitfs.conf": 'features="ata base scsi hvprep"\n',
    }
    build = image(MKINITFS, True, of=replace(FULL, image=GuestPath("/boot/vmlinuz-lts"), label="lts"))
    assert build.argv == ("/sbin/mkinitfs", "-o", CANDIDATE, "6.1")
    assert build.target == GuestPath("/boot/initramfs-lts")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", f"{HEADING}modules: hv_vmbus,hv_storvsc,sd_mod,ext4\n"),
        ("universal: true\n", f"universal: true\n{HEADING}modules: hv_vmbus,hv_storvsc,sd_mod,ext4\n"),
        (
            "modules: nvidia, hv-vmbus # x\na: b\n",
            "modules: nvidia,hv-vmbus,hv_storvsc,sd_mod,ext4 # x\na: b\n",
        ),
        ('modules: "ext4,-*"\n', "modules: ext4,-*,hv_vmbus,hv_storvsc,sd_mod\n"),
        ("modules: hv_vmbus,hv_storvsc,sd_mod,ext4\n", None),
    ],
)
def test_the_modules_of_booster(tmp_path: Path, old: str, new: Optional[str]) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/booster.yaml").write_text(old)
    assert written(tmp_path, "", BOOSTER) == new


def test_a_booster_yaml_that_is_written_otherwise(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="does not read in `modules:`"):
        written(tmp_path, "file /etc/booster.yaml\n|modules: [a, b]\n", BOOSTER)


def test_how_booster_is_asked(image: Asked) -> None:
    argv = ("/usr/bin/booster", "build", "--force", "--kernel-version", "6.1", CANDIDATE)
    assert image(BOOSTER, False).argv == argv
    assert "--universal" in image(BOOSTER, True).argv


def test_the_module_of_a_file_system_before_linux_3_9() -> None:
    """No alias fs-ext4: the name has to do."""
    assert loadable_modules([kernel("2.6", ["hv_vmbus"])], ["fs-ext3"], everywhere=True) == ()
    index = parse_module_index(b"/lib/modules/2.6/kernel/ext3.ko:\n")
    old = Kernel("2.6", GuestPath("/boot/vmlinuz-2.6"), None, index)
    assert loadable_modules([old], ["fs-ext3"], everywhere=True) == ("ext3",)
