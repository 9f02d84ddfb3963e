"""The real depmod: what it writes is what the plan declares, and what it tells is enough for the image."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator

import pytest
from hvprep.facts.gather import gather
from hvprep.model.change import Run
from hvprep.settings import Settings
from hvprep.steps.initrd.depmod import inspect_modules, plan_depmod
from hvprep.steps.initrd_drivers import REQUIRED
from hvprep.system.root import Root

from tests.chroot.guest import Guest, overlaid_guest
from tests.roots import BARE, pristine_root
from tests.snapshot import diff_snapshots, take_snapshot


@pytest.fixture(params=[name for name in BARE if "dracut" not in name])
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with overlaid_guest(pristine_root(request.param)) as guest:
        yield guest


def directory(guest: Guest) -> Path:
    return guest.root / "usr/lib/modules" / guest.kernel


def test_it_writes_only_what_is_declared(guest: Guest) -> None:
    """Also where nothing was there before: every name that it knows comes into being then."""
    for path in directory(guest).glob("modules.*"):
        if not path.name.startswith(("modules.builtin", "modules.order")) or path.suffix == ".bin":
            path.unlink()
    before = take_snapshot(guest.root)
    root = Root(guest.root)
    (kernel,) = gather(root, False, Settings()).image.kernels
    modules = inspect_modules(root, kernel, REQUIRED)
    assert modules.stale == f"/lib/modules/{guest.kernel}/modules.dep is not there"
    (run,) = plan_depmod(root, modules, runs_here=True)
    assert isinstance(run, Run)
    subprocess.run(["chroot", str(guest.root), *run.argv], check=True)
    changed = {line.split()[1] for line in diff_snapshots(before, take_snapshot(guest.root))}
    declared = {str(path).replace("/lib/", "/usr/lib/", 1) for path in run.writes}
    assert changed - {f"/usr/lib/modules/{guest.kernel}"} <= declared
    assert f"/usr/lib/modules/{guest.kernel}/modules.dep" in changed


def test_a_driver_that_modules_dep_forgot_gets_into_the_image(guest: Guest) -> None:
    """The real mkinitramfs would leave it out without a word."""
    listing = directory(guest) / "modules.dep"
    lines = listing.read_text().splitlines(keepends=True)
    listing.write_text("".join(line for line in lines if "/hv_storvsc.ko" not in line.partition(":")[0]))
    (guest.root / "etc/initramfs-tools/conf.d/quick").write_text("MODULES=list\n")
    done = guest.hvprep("prepare", "--yes", "--only", "initrd-drivers")
    assert done.status == 0, done
    assert "hv_storvsc" in guest.drivers()
    assert guest.verdicts()["initrd-drivers"] == "met"
    assert guest.hvprep("rollback", "--yes").status == 0
    assert "/hv_storvsc.ko" not in "".join(
        line.partition(":")[0] for line in listing.read_text().splitlines()
    )
