"""A test that was skipped has failed, and so has a floor in which no test ran.

test-machine.md: what a test needs, ./dev makes; where that can't be had the test fails.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Dict, Generator, List

import pytest

TESTS = Path(__file__).parent


def floor_of(path: Path) -> str:
    """The floor that a test file stands on; doctests of the program belong to `unit`."""
    return path.relative_to(TESTS).parts[0] if TESTS in path.parents else "unit"


class Strict:
    """Counts tests and seconds per floor, and turns every skip into a failure."""

    def __init__(self, floors: List[str]) -> None:
        self.seconds: Dict[str, float] = dict.fromkeys(floors, 0.0)
        self.ran: Dict[str, int] = dict.fromkeys(floors, 0)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.outcome == "skipped":
            report.outcome = "failed"
            report.longrepr = f"a skipped test is a failed test: {report.longrepr}"
            vars(report).pop("wasxfail", None)  # an expected failure is one more way of looking away
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if report.outcome == "skipped":
            report.outcome = "failed"
            report.longrepr = f"a skipped module is a failed module: {report.longrepr}"
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool, bool]:
        floor, began = floor_of(item.path), time.monotonic()
        handled = yield
        self.seconds[floor] = self.seconds.get(floor, 0.0) + time.monotonic() - began
        self.ran[floor] = self.ran.get(floor, 0) + 1
        return handled

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if 0 in self.ran.values() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for floor, count in self.ran.items():
            line = f"floor {floor:7} {count:5} tests {self.seconds[floor]:7.1f} s"
            terminalreporter.write_line(line if count else f"{line}: A FLOOR WITHOUT TESTS HAS FAILED")


def pytest_configure(config: pytest.Config) -> None:
    """A floor that was asked for whole (its directory was named) has to have tests."""
    if config.option.collectonly:
        return
    wanted = [path for path in map(Path.resolve, map(Path, config.args)) if path.parent == TESTS]
    config.pluginmanager.register(Strict([path.name for path in wanted if path.is_dir()]))
