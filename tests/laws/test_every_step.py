"""Planning by every requirement, on captured systems that were damaged at random: nothing is written, no
requirement ends the others, and what is said is the same twice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Dict, List, Tuple

from hvprep.engine.planner import make_plan
from hvprep.facts.gather import gather
from hvprep.model.finding import Verdict
from hvprep.model.node import GuestPath
from hvprep.model.plan import Plan
from hvprep.settings import Settings
from hvprep.steps.registry import STEPS, for_profile
from hvprep.system.root import Root
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.machines import fresh_directory
from tests.laws.strategies import law
from tests.laws.test_planning import refuse_mutations
from tests.snapshot import Snapshot, take_snapshot
from tests.trees.tree import make_tree

SYSTEMS = ("debian-12-initramfs-tools", "ubuntu-24.04-cloud", "el-9", "el-6", "sles-15", "alpine-extlinux")
#: What may have become of a file.
DAMAGES = ("gone", "empty", "half", "garbage", "twice", "directory", "loop", "out", "unreadable", "fifo")
GARBAGE = b"\xff\xfe\0\r\n=[]{}\"'`$(\\ \x1b" * 40
#: Files that steps look at and that small trees do not have: damage needs something to be done to.
SEEDS: Dict[str, bytes] = {
    "etc/ssh/sshd_config": b"Include /etc/ssh/sshd_config.d/*.conf\nClientAliveInterval 0\nMatch all\n",
    "etc/ssh/sshd_config.d/a.conf": b"ClientAliveInterval 180\n",
    "etc/waagent.conf": b"Provisioning.Agent=auto\nResourceDisk.Format=y\n",
    "etc/cloud/cloud.cfg": b"datasource_list: [ Azure ]\n",
    "etc/passwd": b"root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n",
    "etc/shadow": b"root:*:1::::::\nme:$6$a$b:1::::::\n",
    "etc/sudoers": b"Defaults targetpw\n#includedir /etc/sudoers.d\n",
    "etc/modprobe.d/cis.conf": b"install udf /bin/true\nblacklist vfat\n",
    "etc/machine-id": b"0123456789abcdef0123456789abcdef\n",
    "etc/chrony/chrony.conf": b"pool x iburst\n",
    "etc/network/interfaces": b"auto eth0\niface eth0 inet dhcp\n",
    "etc/netplan/50.yaml": b"network:\n  ethernets:\n    eth0:\n      dhcp4: true\n",
    "etc/sysconfig/network-scripts/ifcfg-eth0": b"DEVICE=eth0\nBOOTPROTO=dhcp\nHWADDR=00:11:22:33:44:55\n",
    "etc/NetworkManager/system-connections/a.nmconnection": b"[connection]\nid=a\n[ethernet]\n",
    "etc/udev/rules.d/70-persistent-net.rules": b'SUBSYSTEM=="net"\n',
    "home/me/.bash_history": b"secret\n",
    "home/me/.ssh/authorized_keys": b"ssh-ed25519 AAAA me\n",
    "swapfile": b"\0" * 4096,
    "etc/nftables.conf": b"define a = { 22 }\ntable t {\n  chain c {\n    tcp dport $a drop\n  }\n}\n",
    "etc/iptables/rules.v4": b"*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -d 10.0.0.0/8 -j ACCEPT\nCOMMIT\n",
    "etc/ufw/ufw.conf": b"ENABLED=yes\n",
    "etc/ufw/user.rules": b"*filter\n-A ufw-user-input -p tcp --dport 22 -j ACCEPT\nCOMMIT\n",
    "etc/firewalld/zones/public.xml": b'<zone>\n<rule><service name="ssh"/><drop/></rule>\n</zone>\n',
    "etc/firewalld/direct.xml": b'<direct><passthrough ipv="ipv4">-A INPUT -j DROP</passthrough></direct>\n',
    "usr/lib/systemd/system/basic.target": b"[Unit]\n",
    **{
        f"etc/systemd/system/{directory}{name}.service": b"[Unit]\n"
        for name in ("nftables", "netfilter-persistent", "ufw", "firewalld")
        for directory in ("", "multi-user.target.wants/")
    },
}


def plant(name: str, host: Path) -> Path:
    root = make_tree(name, host / "root")
    for path, content in SEEDS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def files_of(root: Path) -> List[Path]:
    """What may be damaged: not the modules, of which there are many."""
    found = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in found if "/lib/modules/" not in str(path)]


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.unlink()
    if how == "directory":
        path.mkdir()
    elif how == "loop":
        path.symlink_to(path.name)
    elif how == "out":
        path.symlink_to("../" * 20 + "etc/passwd")
    elif how == "fifo":
        os.mkfifo(path)
    elif how != "gone":
        changed = {
            "empty": b"",
            "half": content[: len(content) // 2],
            "twice": content * 2,
            "garbage": GARBAGE,
        }
        path.write_bytes(changed.get(how, content))
        path.chmod(0 if how == "unreadable" else 0o644)


def plan(root: Path, settings: Settings) -> Plan:
    view = Root(root, refuse_mutations)
    return make_plan(for_profile(STEPS, settings), view, gather(view, False, settings), settings)


def state(root: Path) -> Snapshot:
    return take_snapshot(root, left_out=())


@law(200)
@given(
    st.sampled_from(SYSTEMS),
    st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(DAMAGES)), max_size=6),
    st.sampled_from(["azure", "hyperv"]),
    st.booleans(),
)
def test_no_damage_makes_planning_write_or_fail(
    name: str, damages: List[Tuple[int, str]], profile: str, allowed: bool
) -> None:
    with fresh_directory() as host:
        root = plant(name, host)
        files = files_of(root)
        for number, how in damages:
            path = files[number % len(files)]
            if path.is_file() and not path.is_symlink():
                damage(path, how)
        before = state(root)
        settings = Settings(image_profile=profile, hardening_allow_change=allowed)
        planned = plan(root, settings)
        assert state(root) == before
        assert [finding.id for finding in planned.findings] == [step.id for step in STEPS]
        for finding in planned.findings:
            assert finding.because or finding.verdict is Verdict.MET, finding
            assert finding.verdict is not Verdict.UNMET or finding.remedy, finding
            assert finding.verdict is Verdict.UNMET or not finding.changes, finding
        assert plan(root, settings) == planned


def test_each_step_is_deaf_to_what_is_outside_of_the_root(tmp_path: Path) -> None:
    """The same tree at another place is judged the same, its own place not being in any answer."""
    one, other = plant("ubuntu-24.04-cloud", tmp_path), tmp_path / "elsewhere"
    shutil.copytree(one, other, symlinks=True)
    first, second = plan(one, Settings()), plan(other, Settings())
    assert first.findings == second.findings
    assert str(tmp_path) not in repr(first.findings)
    assert GuestPath("/") not in [path for path, _ in first.before]
