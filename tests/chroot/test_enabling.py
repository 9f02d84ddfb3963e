"""The links that enable a service are those that the real systemctl makes."""

from __future__ import annotations

from pathlib import Path
from typing import Set, Tuple

import pytest
from hvprep.facts.services import find_service
from hvprep.model.change import Link
from hvprep.steps.enabling import plan_enabling
from hvprep.system.root import Root

from tests.chroot.guest import overlaid_guest
from tests.roots import pristine_root


def links(root: Path) -> Set[Tuple[str, str]]:
    """Every link below /etc/systemd/system; /lib is /usr/lib."""
    found = [path for path in (root / "etc/systemd/system").rglob("*") if path.is_symlink()]
    return {(f"/{path.relative_to(root)}", f"/usr{path.readlink()}") for path in found}


def planned(root: Path, name: str) -> Set[Tuple[str, str]]:
    view = Root(root)
    service = find_service(view, name)
    assert service is not None
    assert not service.is_enabled
    outcomes = list(plan_enabling(view, service))
    return {(str(each.path), f"/usr/{each.target[5:]}") for each in outcomes if isinstance(each, Link)}


@pytest.mark.parametrize(
    "name",
    [
        "ssh.service",
        "ssh.socket",
        "chrony.service",
        "cloud-init-local.service",
        "hv-kvp-daemon.service",
        "systemd-networkd.service",
    ],
)
def test_as_systemctl_does(name: str) -> None:
    with overlaid_guest(pristine_root("bookworm-cloud")) as guest:
        guest.inside("systemctl", "disable", name)
        before, ours = links(guest.root), planned(guest.root, name)
        guest.inside("systemctl", "enable", name)
        assert ours == links(guest.root) - before
        assert ours
