"""Which platform a tree of /proc, /sys and /run stands for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Union

import pytest
from hvprep.facts import platform
from hvprep.facts.platform import Platform, PlatformKind, probe_platform, same_vm_id, swapped_vm_id
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

Tree = dict[str, Union[str, bytes]]
AGENT = Path(platform.__file__).parents[2]

UUID = "527c2691-029f-fe4c-b1f4-a4da7ebac2cf"
VIRTUAL_CPU: Tree = {"proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu de hypervisor lahf_lm\nbugs\t\t:\n"}
REAL_CPU: Tree = {"proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu de lahf_lm\nmodel name\t: hypervisor\n"}
ARM_CPU: Tree = {"proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd\n"}
UEFI: Tree = {"sys/firmware/efi/runtime": "0x1\n"}
BIOS: Tree = {"sys/firmware/acpi/pm_profile": "1\n"}
VMBUS: Tree = {f"sys/bus/vmbus/devices/{UUID}/id": "1\n", "sys/bus/vmbus/devices/vmbus_2/id": "2\n"}


def dmi(**values: str | bytes) -> Tree:
    return {
        f"sys/devices/virtual/dmi/id/{name}": value if isinstance(value, bytes) else value + "\n"
        for name, value in values.items()
    }


MICROSOFT = dmi(sys_vendor="Microsoft Corporation", product_name="Virtual Machine", product_uuid=UUID)
AZURE = {**MICROSOFT, **dmi(chassis_asset_tag=platform.AZURE_ASSET_TAG)}


def probe(tmp_path: Path, *trees: Tree) -> Platform:
    for tree in trees:
        for name, content in tree.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if (tmp_path / "sys/devices/virtual/dmi").exists():
        (tmp_path / "sys/class/dmi").mkdir(parents=True)
        (tmp_path / "sys/class/dmi/id").symlink_to("../../devices/virtual/dmi/id")  # as the kernel has it
    return probe_platform(Root(tmp_path))


@pytest.mark.parametrize(("firmware", "generation"), [(BIOS, 1), (UEFI, 2), ({}, None)])
@pytest.mark.parametrize(("tree", "kind"), [(AZURE, PlatformKind.AZURE), (MICROSOFT, PlatformKind.HYPER_V)])
def test_azure_and_hyper_v_of_both_generations(
    tmp_path: Path, tree: Tree, kind: PlatformKind, firmware: Tree, generation: int | None
) -> None:
    seen = probe(tmp_path, tree, firmware, VIRTUAL_CPU, VMBUS)
    assert (seen.kind, seen.generation, seen.hypervisor, seen.vm_id) == (kind, generation, "Hyper-V", UUID)


def test_the_because_names_what_was_read(tmp_path: Path) -> None:
    assert probe(tmp_path, AZURE, UEFI).because == (
        "DMI sys_vendor 'Microsoft Corporation', product_name 'Virtual Machine', chassis asset tag of Azure;"
        " UEFI: generation 2"
    )


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ({}, "no chassis asset tag to be read"),
        (dmi(chassis_asset_tag="0482-4023-1190-2453-6012-7482-22"), "chassis asset tag not that of Azure"),
    ],
)
def test_hyper_v_says_why_it_is_not_azure(tmp_path: Path, tag: Tree, words: str) -> None:
    seen = probe(tmp_path, MICROSOFT, tag, BIOS)
    assert seen.kind is PlatformKind.HYPER_V
    assert words in seen.because


def test_hyper_v_without_dmi_is_seen_by_its_bus(tmp_path: Path) -> None:
    seen = probe(tmp_path, VMBUS, UEFI)
    assert (seen.kind, seen.generation) == (PlatformKind.HYPER_V, 2)
    assert seen.because == "2 devices on the VMBus; DMI names no maker; UEFI: generation 2"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (
            dmi(sys_vendor="QEMU", product_name="Standard PC (Q35 + ICH9, 2009)", bios_vendor="SeaBIOS"),
            "QEMU",
        ),
        (dmi(sys_vendor="Red Hat", product_name="KVM"), "KVM"),
        (dmi(sys_vendor="VMware, Inc.", product_name="VMware Virtual Platform"), "VMware"),
        (dmi(sys_vendor="innotek GmbH", product_name="VirtualBox"), "VirtualBox"),
        (dmi(sys_vendor="Xen", product_name="HVM domU"), "Xen"),
        (dmi(sys_vendor="Amazon EC2", product_name="m5.large"), "Amazon EC2"),
        (dmi(sys_vendor="Google", product_name="Google Compute Engine"), "Google Compute Engine"),
        (dmi(sys_vendor="Somebody", product_name="X", bios_vendor="BHYVE"), "bhyve"),
        ({"sys/hypervisor/type": "xen\n"}, "Xen"),
        (dmi(sys_vendor="Nutanix", product_name="AHV"), None),
    ],
)
def test_other_hypervisors_by_name(tmp_path: Path, values: Tree, name: str | None) -> None:
    seen = probe(tmp_path, values, VIRTUAL_CPU, UEFI)
    assert (seen.kind, seen.hypervisor, seen.generation) == (PlatformKind.OTHER_HYPERVISOR, name, None)


def test_a_named_hypervisor_that_imitates_the_bus_is_not_hyper_v(tmp_path: Path) -> None:
    assert probe(tmp_path, dmi(sys_vendor="QEMU"), VMBUS).kind is PlatformKind.OTHER_HYPERVISOR


@pytest.mark.parametrize(
    ("values", "cpu"),
    [
        (dmi(sys_vendor="Microsoft Corporation", product_name="Surface Laptop 4"), REAL_CPU),
        (dmi(sys_vendor="Amazon EC2", product_name="m5.metal"), REAL_CPU),
        (dmi(sys_vendor="Ampere", product_name="Mt. Jade"), ARM_CPU),
        ({}, REAL_CPU),
    ],
)
def test_bare_metal_is_none(tmp_path: Path, values: Tree, cpu: Tree) -> None:
    seen = probe(tmp_path, values, cpu, UEFI)
    assert (seen.kind, seen.hypervisor, seen.generation) == (PlatformKind.NONE, None, None)


def test_nothing_to_see_is_unknown(tmp_path: Path) -> None:
    seen = probe(tmp_path)
    assert (seen.kind, seen.vm_id) == (PlatformKind.UNKNOWN, None)
    assert seen.because == "DMI names no maker; /proc/cpuinfo says nothing of a hypervisor"


def test_a_hypervisor_that_nothing_names_may_be_any(tmp_path: Path) -> None:
    assert probe(tmp_path, VIRTUAL_CPU).kind is PlatformKind.UNKNOWN


@pytest.mark.parametrize(
    "filler",
    [
        b"\xff" * 31 + b"\n",
        "\xff" * 31,
        "." * 10,
        "",
        " ",
        "To be filled by O.E.M.",
        "Default string",
        b"Microsoft\x80 Corporation",
        b"\0\0\0",
        "\x1b[31mMicrosoft",
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_filler_is_unknown_value_by_value(tmp_path: Path, filler: str | bytes) -> None:
    names = ("sys_vendor", "product_name", "chassis_asset_tag", "product_uuid", "board_vendor", "bios_vendor")
    seen = probe(tmp_path, dmi(**dict.fromkeys(names, filler)))
    assert (seen.kind, seen.vm_id) == (PlatformKind.UNKNOWN, None)
    assert seen.because.startswith("DMI names no maker")


def test_an_id_of_ones_is_none(tmp_path: Path) -> None:
    assert probe(tmp_path, dmi(product_uuid="FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF")).vm_id is None


def test_what_the_kernel_pads_with_zeros_is_read(tmp_path: Path) -> None:
    values = dmi(sys_vendor=b"Microsoft Corporation\n\0\0\0", product_name=b"Virtual Machine\n\0")
    assert probe(tmp_path, values).kind is PlatformKind.HYPER_V


@pytest.mark.parametrize(
    ("unreadable", "answer"),
    [
        (["product_uuid"], "azure None"),
        (["product_uuid", "chassis_asset_tag"], "hyper-v None"),
        (["product_uuid", "chassis_asset_tag", "sys_vendor", "product_name"], "unknown None"),
        (["."], "unknown None"),
    ],
)
def test_what_only_root_may_read_is_unknown(tmp_path: Path, unreadable: list[str], answer: str) -> None:
    probe(tmp_path, AZURE, BIOS)
    tmp_path.chmod(0o755)
    for name in unreadable:
        (tmp_path / "sys/devices/virtual/dmi/id" / name).chmod(0o400)
    program = f"""
import os
from pathlib import Path
from hvprep.facts.platform import probe_platform
from hvprep.system.root import Root
root = Root(Path({str(tmp_path)!r}))
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
seen = probe_platform(root)
print(seen.kind.value, seen.vm_id)
"""
    environ = {**os.environ, "PYTHONPATH": str(AGENT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == f"{answer}\n"


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ({"run/systemd/container": "systemd-nspawn\n"}, "systemd-nspawn"),
        ({"proc/1/environ": b"PATH=/bin\0container=lxc\0HOME=/\0"}, "container='lxc'"),
        ({"run/.containerenv": b""}, "podman"),
        ({".dockerenv": b""}, "docker"),
        ({"proc/sys/kernel/osrelease": "5.15.90.1-microsoft-standard-WSL2\n"}, "Windows Subsystem"),
    ],
)
def test_a_container_on_azure_is_a_container(tmp_path: Path, marks: Tree, words: str) -> None:
    seen = probe(tmp_path, AZURE, UEFI, VIRTUAL_CPU, VMBUS, marks)
    assert (seen.kind, seen.generation, seen.vm_id) == (PlatformKind.CONTAINER, None, None)
    assert words in seen.because


@pytest.mark.parametrize(
    ("namespace", "root_type", "kind"),
    [
        ("pid:[4026531836]", "ext4", PlatformKind.AZURE),
        ("pid:[4026531836]", "overlay", PlatformKind.CONTAINER),
        ("pid:[4026532198]", "ext4", PlatformKind.CONTAINER),
    ],
)
def test_a_dockerenv_that_an_image_brought_along_makes_no_container(
    tmp_path: Path, namespace: str, root_type: str, kind: PlatformKind
) -> None:
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to(namespace)
    mounts = f"rootfs / rootfs rw 0 0\n/dev/sda1 / {root_type} rw 0 0\nproc /proc proc rw 0 0\n"
    assert probe(tmp_path, AZURE, BIOS, {".dockerenv": b"", "proc/self/mounts": mounts}).kind is kind


def test_this_machine_gives_some_answer() -> None:
    root = Root(Path("/"))
    assert probe_platform(root).because
    # Sizes that sysfs makes up (4096) say nothing of the content.
    assert root.read(GuestPath("/sys/kernel/mm/transparent_hugepage/enabled")) is not None


def test_ids_of_one_machine_in_either_order_and_case() -> None:
    swapped = "91267c52-9f02-4cfe-b1f4-a4da7ebac2cf"
    assert swapped_vm_id(UUID) == swapped
    assert same_vm_id(UUID, UUID.upper())
    assert same_vm_id(UUID.upper(), swapped)
    assert same_vm_id(swapped, UUID)
    assert not same_vm_id(UUID, "91267c52-9f02-4cfe-b1f4-a4da7ebac2c0")
    assert not same_vm_id(UUID, "not-an-id")
    assert swapped_vm_id("not-an-id") == "not-an-id"
