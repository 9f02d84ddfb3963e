"""The real sshd: what it accepts, what its configuration amounts to, on a system as it is for an image."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, Iterator, Optional, Tuple

import pytest
from hvprep.errors import FormatError
from hvprep.formats.sshd_config import find_setting, parse_time
from hypothesis import given
from hypothesis import strategies as st

from tests.chroot.guest import Done, Guest, overlaid_guest
from tests.chroot.test_live import Running
from tests.laws.strategies import law
from tests.roots import pristine_root
from tests.snapshot import diff_snapshots, take_snapshot

ONLY = ("--only", "ssh-server")
CONFIG = "etc/ssh/sshd_config"
OWN = "etc/ssh/sshd_config.d/00-hvprep.conf"


@pytest.fixture
def guest() -> Iterator[Guest]:
    """A generalised Debian 12: no host keys."""
    with overlaid_guest(pristine_root("bookworm-cloud")) as made:
        for key in (made.root / "etc/ssh").glob("ssh_host_*"):
            key.unlink()
        yield made


def finding(done: Done) -> Any:
    (found,) = json.loads(done.output)["findings"]
    return found


def effective(guest: Guest, config: str = "sshd_config") -> Done:
    """What sshd -T says; it wants a host key, which is made where nobody else sees it."""
    script = f"""
    mkdir /run/sshd
    key=/etc/ssh/ssh_host_ed25519_key
    [ -e $key ] || {{ key=/run/key; ssh-keygen -q -t ed25519 -N '' -f $key; }}
    exec /usr/sbin/sshd -T -h $key -f /etc/ssh/{config}
    """
    return guest.inside("sh", "-ec", script)


def test_the_interval_is_set_and_taken_back(guest: Guest) -> None:
    before = take_snapshot(guest.root)
    found = finding(guest.hvprep("check", *ONLY, "--json"))
    assert found["verdict"] == "not met"
    assert found["because"][0].startswith("ssh.service is started at boot")
    assert diff_snapshots(before, take_snapshot(guest.root)) == [], "check never writes"
    done = guest.hvprep("prepare", *ONLY, "--yes")
    assert done.status == 0, done
    assert "clientaliveinterval 180" in effective(guest).output.splitlines()
    assert finding(guest.hvprep("check", *ONLY, "--json"))["verdict"] == "met"
    assert guest.hvprep("rollback", "--yes").status == 0
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_what_sshd_refuses_is_said_in_its_words(guest: Guest) -> None:
    path = guest.root / CONFIG
    path.write_text(path.read_text() + "Match User x\n  Port 23\n")
    before = take_snapshot(guest.root)
    found = finding(guest.hvprep("check", *ONLY, "--json"))
    assert found["verdict"] == "not met"
    assert "Directive 'Port' is not allowed within a Match block" in found["because"][0]
    assert found["changes"] == []
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


def test_what_sshd_cannot_live_without_is_seen(guest: Guest) -> None:
    users = guest.root / "etc/passwd"
    users.write_text("".join(x for x in users.read_text().splitlines(True) if not x.startswith("sshd:")))
    assert "user sshd does not exist" in finding(guest.hvprep("check", *ONLY, "--json"))["because"][0]


def test_a_running_system_is_judged_alike(guest: Guest) -> None:
    before = take_snapshot(guest.root)
    offline, live = (
        guest.hvprep("check", *ONLY, "--json"),
        Running(guest.root).hvprep("check", *ONLY, "--json"),
    )
    assert json.loads(live.output)["mode"] == "live"
    assert finding(offline) == finding(live)
    assert diff_snapshots(before, take_snapshot(guest.root)) == []


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Guest]:
    with overlaid_guest(pristine_root("bookworm-cloud")) as made:
        yield made


KEYS = st.sampled_from(
    [f"ClientAliveInterval{sign}" for sign in (" ", "\t", "=", " = ", "= ")]
    + ["clientaliveinterval  ", '"ClientAliveInterval" ', '"clientaliveinterval"']
)
VALUES = st.sampled_from(["0", "60", "180", '"180"', "'3m'", "1h", "1m30", "180 # mine", "7\f", "8\r"])
SETTINGS = st.tuples(st.sampled_from(["", "  ", "\t", "="]), KEYS, VALUES).map("".join)
BLOCKS = st.sampled_from(
    ["Match all", "match ALL", "Match=all", 'Match "all"', "Match User x", "Match Address 10.0.0.0/8"]
)
OTHERS = st.sampled_from(["", "# ClientAliveInterval 5", "X11Forwarding yes", "Banner = none", "\t"])
INCLUDES = st.sampled_from(
    ["Include gen-a", "include /etc/ssh/gen-*", 'Include "gen-b" gen-a', "Include none"]
)
LINES = st.lists(st.one_of(SETTINGS, BLOCKS, OTHERS), max_size=4)
MAINS = st.lists(st.one_of(SETTINGS, BLOCKS, BLOCKS, OTHERS, INCLUDES, INCLUDES), max_size=6)


@law(80)
@given(MAINS, LINES, LINES)
def test_generated_configurations(sandbox: Guest, main: Any, first: Any, second: Any) -> None:
    texts = {"generated": main, "gen-a": first, "gen-b": second}
    files = {f"/etc/ssh/{name}": "".join(f"{line}\n" for line in lines) for name, lines in texts.items()}
    for path, text in files.items():
        (sandbox.root / path[1:]).write_bytes(text.encode())
    done = effective(sandbox, "generated")
    assert done.status == 0, (files, done)
    (said,) = [line.split()[1] for line in done.output.splitlines() if line.startswith("clientaliveinterval")]
    assert interval(files) == int(said), files


def interval(files: Dict[str, str]) -> int:
    def load(pattern: str) -> Iterable[Tuple[str, str]]:
        names = sorted(path for path in files if path.startswith(pattern.rstrip("*")))
        return [(name, files[name]) for name in names if pattern.endswith("*") or name == pattern]

    setting = find_setting("/etc/ssh/generated", files["/etc/ssh/generated"], load, "clientaliveinterval")
    seconds = 0 if setting is None else parse_time(setting.statement.arguments[0])
    assert seconds is not None
    return seconds


@pytest.mark.parametrize(
    "text",
    [
        "ClientAliveInterval\n",
        'ClientAliveInterval "180\n',
        "ClientAliveInterval == 180\n",
        "ClientAliveInterval 180#mine\n",
        "ClientAliveInterval ''\n",
        "Include gen-loop\n",
    ],
)
def test_what_we_do_not_read_sshd_does_not_either(sandbox: Guest, text: str) -> None:
    files = {"/etc/ssh/generated": text, "/etc/ssh/gen-loop": "Include gen-loop\n"}
    for path, content in files.items():
        (sandbox.root / path[1:]).write_text(content)
    assert effective(sandbox, "generated").status != 0
    assert _read(files) is None


def _read(files: Dict[str, str]) -> Optional[int]:
    try:
        return interval(files)
    except (FormatError, AssertionError):
        return None
