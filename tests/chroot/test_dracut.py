"""dracut's traps, on the real one. Most of these give it few drivers to start with: a third of the time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.chroot.guest import DRIVERS, QUICK_DRACUT, Guest, overlaid_guest
from tests.chroot.packages import install
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

#: With dracut in place of its own generator.
TRIXIE = "trixie-initramfs-tools"


@pytest.fixture(scope="session", params=["bookworm-dracut", TRIXIE])
def tree(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A system with dracut: 059 of Debian 12, 106 of Debian 13."""
    if request.param != TRIXIE:
        yield pristine_root(request.param)
        return
    with overlaid_guest(pristine_root(TRIXIE)) as guest:
        configure(guest, QUICK_DRACUT)  # its own hooks make an initrd of their own
        guest.tool("dpkg", "--force-depends", "--purge", "initramfs-tools", "initramfs-tools-core")
        install(guest, TRIXIE, ["dracut-core", "dracut"])
        (guest.root / "etc/dracut.conf.d/50-administrator.conf").unlink()
        yield guest.root


@pytest.fixture
def guest(tree: Path) -> Iterator[Guest]:
    with overlaid_guest(tree) as guest:
        yield guest


def configure(guest: Guest, text: str) -> None:
    directory = guest.root / "etc/dracut.conf.d"
    directory.mkdir(exist_ok=True)
    (directory / "50-administrator.conf").write_text(text)


def planned_argv(guest: Guest, plan: Path) -> List[str]:
    """The command line of dracut in hvprep's plan."""
    assert guest.hvprep("prepare", "--only", "initrd-drivers", "--save-plan", str(plan)).status == 0
    changes = [item["change"] for item in json.loads(plan.read_text())["changes"]]
    (argv,) = [change["argv"] for change in changes if change["kind"] == "build"]
    return list(argv)


def test_an_unknown_name_of_the_administrator_drops_ours_and_the_image_is_refused(guest: Guest) -> None:
    configure(guest, QUICK_DRACUT + 'add_drivers+=" no_such_module "\n')
    before = take_snapshot(guest.root)
    done = guest.hvprep("prepare", "--yes", "--only", "initrd-drivers")
    assert done.status == 1, done
    for name in ("hv_netvsc", "hv_storvsc", "hv_vmbus", "sd_mod"):
        assert name in done.errors.partition("lacks the drivers")[2], done.errors
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_dracut_itself_says_nothing_of_it(guest: Guest) -> None:
    """The trap is real here: status 0, and every name after the unknown one is gone."""
    configure(guest, QUICK_DRACUT + 'dracutmodules+=" base kernel-modules "\n')
    names = "hv_vmbus no_such_module hv_netvsc"
    done = guest.inside("dracut", "--force", "--add-drivers", names, "/boot/trap", guest.kernel)
    assert done.status == 0
    listing = guest.tool("lsinitrd", "/boot/trap")
    assert "hv_vmbus.ko" in listing
    assert "hv_netvsc.ko" not in listing


def test_only_names_that_this_kernel_has_as_modules_are_passed(guest: Guest, tmp_path: Path) -> None:
    """A built-in name did the same harm on another distribution; names of built-in ones are left out."""
    builtin = (guest.root / f"usr/lib/modules/{guest.kernel}/modules.builtin").read_text().split()
    name = Path(next(path for path in builtin if "/tty/serial/" in path)).stem
    (guest.root / "etc/hvprep.conf").write_text(f"Initrd.ExtraModules={name} nvme\n")
    argv = planned_argv(guest, tmp_path / "plan.json")
    passed = argv[argv.index("--add-drivers") + 1].split()
    assert {"hv_vmbus", "hv_storvsc", "sd_mod", "hv_netvsc", "nvme"} <= set(passed)
    for module in passed:
        filename = guest.tool("modinfo", "-k", guest.kernel, "-F", "filename", module)
        assert filename.startswith("/"), f"{module} is {filename}"


def test_a_name_that_no_kernel_has_is_a_finding_and_nothing_is_built(guest: Guest) -> None:
    (guest.root / "etc/hvprep.conf").write_text("Initrd.ExtraModules=no_such_module\n")
    before = take_snapshot(guest.root)
    image = before[f"/boot/{guest.initrd().name}"]
    done = guest.hvprep("prepare", "--yes", "--only", "initrd-drivers")
    assert "has no no_such_module" in done.output
    after = take_snapshot(guest.root)
    assert after[f"/boot/{guest.initrd().name}"] == image
    drop_in = guest.root / "etc/dracut.conf.d/90-hvprep.conf"
    assert not drop_in.exists() or "no_such_module" not in drop_in.read_text()


def test_host_only_configured_is_generic_offline(guest: Guest) -> None:
    """The builder's devices, and its root=, have no say in what the image holds."""
    configure(guest, 'hostonly="yes"\nhostonly_cmdline="yes"\n')
    held = guest.drivers()
    done = guest.hvprep("prepare", "--yes", "--only", "initrd-drivers")
    assert done.status == 0, done
    assert set(DRIVERS) <= guest.drivers()
    assert held <= guest.drivers(), "all that Debian's generic image held"
    listing = guest.tool("lsinitrd", f"/boot/{guest.initrd().name}")
    assert "etc/cmdline.d/" not in listing, "no root= of the builder"


def test_the_drop_in_is_one_that_dracut_reads(guest: Guest) -> None:
    """Blanks inside the quotes: without them two such lines make one wrong name of two."""
    configure(guest, QUICK_DRACUT + 'add_drivers+="nvme"\n')
    done = guest.hvprep("prepare", "--yes", "--only", "initrd-drivers")
    assert done.status == 0, done
    guest.tool("dracut", "--force", "/boot/again", guest.kernel)
    listing = guest.tool("lsinitrd", "/boot/again")
    assert "nvme.ko" in listing
    assert "hv_storvsc.ko" in listing
