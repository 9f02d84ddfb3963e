"""What is written to /etc/default/grub and its drop-ins; tests/trees proves it with a real shell."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest
from hvprep.facts.tools import GrubTool
from hvprep.formats import default_grub
from hvprep.model.change import Write
from hvprep.model.finding import Note, Verdict
from hvprep.model.node import GuestPath
from hvprep.steps.boot.grub_defaults import plan_defaults
from hvprep.steps.boot.rules import EntryRules
from hvprep.system.overlay import Overlay
from hvprep.system.root import Root
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RULES = EntryRules("console=ttyS0,9600", ("rootdelay=3",), ("quiet", "splash", "crashkernel=auto"))
OURS = "console=ttyS0,9600 rootdelay=3"
MAIN = "/etc/default/grub"
OWN = "/etc/default/grub.d/99-hvprep.cfg"


def grub(sources_drop_ins: bool) -> GrubTool:
    path = GuestPath("/usr/sbin/grub-mkconfig")
    return GrubTool(path, None, GuestPath("/boot/grub/grub.cfg"), sources_drop_ins, "a test")


def lay_out(root: Path, files: Dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def plan(root: Path, files: Dict[str, str], drop_ins: bool = True) -> Dict[str, str]:
    """The files that are written, without our heading. Planning again on top of it has to yield nothing."""
    lay_out(root, files)
    overlay = Overlay(Root(root))
    writes = {}
    for outcome in plan_defaults(overlay, grub(drop_ins), RULES):
        assert isinstance(outcome, Write)
        overlay.apply(outcome)
        lines = outcome.content.decode().splitlines(keepends=True)
        writes[str(outcome.path)] = "".join(line for line in lines if not line.startswith("# Written by"))
    assert list(plan_defaults(overlay, grub(drop_ins), RULES)) == []
    return writes


def test_a_plain_file(tmp_path: Path) -> None:
    assert plan(tmp_path, {MAIN: 'GRUB_CMDLINE_LINUX_DEFAULT="quiet x"\nGRUB_CMDLINE_LINUX="y"\n'}) == {
        MAIN: 'GRUB_CMDLINE_LINUX_DEFAULT="x"\nGRUB_CMDLINE_LINUX="y"\n',
        OWN: f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {OURS}"\n',
    }


def test_no_file_at_all(tmp_path: Path) -> None:
    assert plan(tmp_path, {}) == {OWN: f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {OURS}"\n'}


def test_a_file_that_is_as_wanted_already(tmp_path: Path) -> None:
    assert plan(tmp_path, {MAIN: f'GRUB_CMDLINE_LINUX="{OURS}"\n'}) == {}


def test_other_settings_of_ours_replace_the_line(tmp_path: Path) -> None:
    before = 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=tty1 console=ttyS1 rootdelay=300"\n'
    writes = plan(tmp_path, {MAIN: 'GRUB_CMDLINE_LINUX=""\n', OWN: before})
    assert writes == {OWN: f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=tty1 console=ttyS1 {OURS}"\n'}


def test_consoles_of_both_variables_come_before_ours(tmp_path: Path) -> None:
    writes = plan(
        tmp_path,
        {MAIN: 'GRUB_CMDLINE_LINUX="console=hvc0"\nGRUB_CMDLINE_LINUX_DEFAULT="console=tty0 x"'},
    )
    assert writes == {
        MAIN: 'GRUB_CMDLINE_LINUX="console=hvc0"\nGRUB_CMDLINE_LINUX_DEFAULT="x"',
        OWN: f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=tty0 {OURS}"\n',
    }


def test_a_drop_in_that_overrides_the_file(tmp_path: Path) -> None:
    cloud = "/etc/default/grub.d/50-cloudimg-settings.cfg"
    writes = plan(
        tmp_path,
        {MAIN: "GRUB_CMDLINE_LINUX_DEFAULT=x\n", cloud: 'GRUB_CMDLINE_LINUX_DEFAULT="console=tty1 quiet"\n'},
    )
    assert writes[cloud] == 'GRUB_CMDLINE_LINUX_DEFAULT=""\n'
    assert writes[OWN] == f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=tty1 {OURS}"\n'


def test_a_drop_in_of_a_later_name(tmp_path: Path) -> None:
    writes = plan(tmp_path, {"/etc/default/grub.d/zz.cfg": 'GRUB_CMDLINE_LINUX="x"\n'})
    assert list(writes) == ["/etc/default/grub.d/zzzz-hvprep.cfg"]


def test_a_drop_in_that_is_not_read_is_not_touched(tmp_path: Path) -> None:
    files = {MAIN: "", "/etc/default/grub.d/a.cfg.bak": 'GRUB_CMDLINE_LINUX="quiet"\n'}
    assert list(plan(tmp_path, files)) == [OWN]
    files["/etc/default/grub.d/b.cfg"] = "GRUB_CMDLINE_LINUX=quiet\n"
    assert list(plan(tmp_path, files, drop_ins=False)) == [MAIN]


def test_where_no_drop_ins_are_read(tmp_path: Path) -> None:
    writes = plan(tmp_path, {MAIN: 'GRUB_CMDLINE_LINUX="x quiet"'}, drop_ins=False)
    assert writes == {MAIN: f'GRUB_CMDLINE_LINUX="x {OURS}"'}


def test_where_no_drop_ins_are_read_and_the_value_is_made_by_a_command(tmp_path: Path) -> None:
    writes = plan(tmp_path, {MAIN: "GRUB_CMDLINE_LINUX=$(echo x)"}, drop_ins=False)
    line = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {OURS}"  # added by hvprep\n'
    assert writes == {MAIN: f"GRUB_CMDLINE_LINUX=$(echo x)\n{line}"}


def test_a_file_that_always_comes_after_ours(tmp_path: Path) -> None:
    lay_out(tmp_path, {"/etc/default/grub.d/zzzzzz.cfg": "GRUB_CMDLINE_LINUX=x\n"})
    (note,) = plan_defaults(Root(tmp_path), grub(True), RULES)
    assert isinstance(note, Note)
    assert note.verdict is Verdict.UNMET
    assert note.remedy


WORDS = st.lists(
    st.sampled_from(["quiet", "splash", "a=1", "console=tty0", "console=ttyS0", "rootdelay=9", "ro", "b"]),
    max_size=5,
).map(" ".join)


@pytest.mark.parametrize("drop_ins", [True, False])
@given(main=WORDS, default=WORDS, later=WORDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_entry_gets_ours_and_nobody_loses_a_word(
    tmp_path: Path, drop_ins: bool, main: str, default: str, later: str
) -> None:
    for old in tmp_path.rglob("*.cfg"):
        old.unlink()
    files = {MAIN: f'GRUB_CMDLINE_LINUX="{main}"\nGRUB_CMDLINE_LINUX_DEFAULT="{default}"\n'}
    if drop_ins:
        files["/etc/default/grub.d/50.cfg"] = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {later}"\n'
    after = {**files, **plan(tmp_path, files, drop_ins)}
    order = sorted(after, key=lambda path: (path != MAIN, path))
    names = ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"]
    values = default_grub.evaluate([default_grub.parse(after[path]) for path in order], names)
    first, second = (list(values[name].words) for name in names)
    assert RULES.problems(first) == ()
    assert RULES.problems([*first, *second]) == ()
    kept = {"a=1", "ro", "b", "console=tty0"}.intersection(main.split(), default.split())
    assert kept <= {*first, *second}
