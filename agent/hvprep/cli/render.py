"""What people see. Results go to stdout, progress and errors to stderr; nothing else in hvprep prints.

What a plan and a report need is imported where they are shown: a verb that shows neither starts sooner.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from hvprep.log import harmless, notify_status

if TYPE_CHECKING:
    from hvprep.engine.preflight import Room
    from hvprep.engine.rollback import RollbackPlan
    from hvprep.facts.gather import Facts
    from hvprep.model.change import Change
    from hvprep.model.finding import Finding
    from hvprep.model.plan import Plan
    from hvprep.model.view import View

#: By the word of the verdict.
_COLOURS = {"met": "32", "not met": "31", "not assessed": "33", "not applicable": "2"}
_MIB = 1024 * 1024
#: Work that takes longer than this gets a line that shows it goes on, in seconds.
_PATIENCE_S = 2.0


class Screen:
    """The terminal of one run, or whatever stands in for it."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):  # a guest's file may hold what the locale cannot write
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        self._out: TextIO = sys.stdout
        self._err: TextIO = sys.stderr
        self._waited_s = 0.0
        self._must_be_read = True

    # Results.

    def line(self, text: str = "", head: str = "", colour: str = "") -> None:
        """A line of the result; `head` stands in front of the text, coloured on a terminal."""
        try:
            print(self._coloured(_one_line(head), colour) + _one_line(text), file=self._out)
        except (OSError, ValueError):  # ValueError: it was given up
            if self._must_be_read:
                raise

    def document(self, document: Any) -> None:
        """A JSON result."""
        import json

        self.text(json.dumps(document, indent=2, ensure_ascii=True) + "\n")

    def text(self, text: str) -> None:
        """A result that is one text, as it is."""
        print(text, end="", file=self._out)

    def machine(self, facts: Facts, root: str, mode: str) -> None:
        """What this system is, and from what we think so."""
        image = facts.image
        rows = [("system", f"{root} ({mode})")]
        if facts.platform is not None:
            rows.append(("platform", f"{facts.platform.kind.value}: {facts.platform.because}"))
        rows.append(("architecture", f"{image.architecture.name or 'unknown'}: {image.architecture.because}"))
        loaders = [f"{each.kind.value}: {each.because}" for each in image.boot_loaders]
        rows += [("boot loader", loader) for loader in loaders or ["none that hvprep knows"]]
        tools = [f"{each.generator.value}: {each.because}" for each in image.initrd_tools]
        rows += [("initrd", tool) for tool in tools or ["no generator that hvprep knows"]]
        rows += [("kernel", kernel.version or kernel.name) for kernel in image.all_kernels]
        for name, value in rows:
            self.line(f"  {name:<13} {value}")
        self.line()

    def findings(self, findings: Sequence[Finding]) -> None:
        """One block a requirement, and the sum."""
        for finding in findings:
            verdict = f"{finding.verdict.value:<15}"
            self.line(f" {finding.id}: {finding.title}", verdict, _COLOURS[finding.verdict.value])
            for reason in finding.because:
                self._wrapped(reason, " " * 16, "- ")
            if finding.remedy is not None and finding.verdict.value != "met":
                self._wrapped(f"remedy: {finding.remedy}", " " * 16, "")
        self.line()
        self.counts(findings)

    def counts(self, findings: Sequence[Finding]) -> None:
        """How many requirements have each verdict."""
        from hvprep.cli.report import count_verdicts

        counts = count_verdicts(findings)
        self.line(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count) + ".")

    def plan(self, plan: Plan, view: View, room: Room) -> None:
        """Every change in order, as diffs and commands, and the room that they need."""
        from hvprep.cli.diff import describe
        from hvprep.model.change import Build, Purge

        for number, planned in enumerate(plan.changes, start=1):
            change = planned.change
            self.line("", f"{number}. {describe(change)}", "1")
            self._wrapped(f"{change.why} [{', '.join(planned.steps)}]", "   ", "")
            self._details(change, view)
        for need in room.needs:
            needed, free = -(-need.needed_bytes // _MIB), need.free_bytes // _MIB
            self.line(f"room needed at {need.directory}: {needed} MiB of {free} MiB free")
        if any(isinstance(planned.change, Build) for planned in plan.changes):
            place = (
                "beside the new ones, as NAME.hvprep-old"
                if room.backups
                else "in /var/lib/hvprep only: /boot is small"
            )
            self.line(f"the old initrds and boot configuration are kept {place}")
        if any(isinstance(planned.change, Purge) for planned in plan.changes):
            self.line("what is purged cannot be brought back")

    def rollback_plan(self, plan: RollbackPlan) -> None:
        """What taking these transactions back would do."""
        for transaction in plan.transactions:
            self.line(f"transaction {transaction.id} of {transaction.began}, {transaction.state.value}")
        for restore in plan.restores:
            self.line(f"  {'remove' if restore.state is None else 'restore'} {restore.path}")
        for repeat in plan.repeats:
            self.line(f"  make {repeat.build.target} anew (it changed since, its sources are restored)")
        for leave in plan.leaves:
            self.line(f"  leave {leave.path}: it {leave.why}")
        for conflict in plan.conflicts:
            self.line(f"  CONFLICT {conflict.path}: it {conflict.why}")

    def _details(self, change: Change, view: View) -> None:
        from hvprep.cli.diff import conditions_of, diff_of
        from hvprep.model.change import Build

        diff = diff_of(view, change)
        for text in conditions_of(change):
            self._wrapped(text, "   ", "")
        if isinstance(change, Build) and diff is not None:
            self.line("   if that does not describe this system, its kernel lines are edited instead:")
        for line in (diff or "").splitlines():
            colour = {"+": "32", "-": "31", "@": "36"}.get(line[:1], "")
            self.line("", f"   {line}", colour)

    def _wrapped(self, text: str, indent: str, bullet: str) -> None:
        import textwrap

        width = max(60, min(110, _columns(self._out)))
        lines = textwrap.wrap(text, width - len(indent), break_long_words=False, break_on_hyphens=False) or [
            ""
        ]
        for number, line in enumerate(lines):
            self.line(indent + (bullet if number == 0 else " " * len(bullet)) + line)

    def _coloured(self, text: str, code: str) -> str:
        """As no-color.org has it: an empty NO_COLOR says nothing."""
        wanted = self._out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return f"\x1b[{code}m{text}\x1b[0m" if wanted and code else text

    # Progress and errors.

    def progress(self, text: str) -> None:
        """What is being done now; systemctl status shows it too."""
        self._end_waiting()
        with contextlib.suppress(OSError):
            self._out.flush()
        self._say(harmless(text))
        notify_status(text)

    def on_change(self, number: int, total: int, change: Change) -> None:
        """A change of the plan begins."""
        from hvprep.cli.diff import name_of

        self.progress(f"[{number}/{total}] {name_of(change)}")

    def on_wait(self, seconds: float) -> None:
        """A program runs for longer than two seconds: a clock on a terminal, else a line now and then."""
        if self._err.isatty():
            if seconds >= _PATIENCE_S:
                self._say(f"\r      {seconds:.0f} s ", end="")
                self._waited_s = seconds
        elif seconds >= max(_PATIENCE_S, self._waited_s * 2):
            self._waited_s = seconds
            self._say(f"      {seconds:.0f} s, still at it")

    def _end_waiting(self) -> None:
        if self._waited_s and self._err.isatty():
            self._say("")
        self._waited_s = 0.0

    def error(self, sentence: str, hint: str | None) -> None:
        """Why it ended, and what to do next."""
        self._end_waiting()
        self._say(harmless(f"hvprep: {sentence}"))
        if hint is not None:
            self._say(harmless(f"        {hint}"))

    def _say(self, text: str, end: str = "\n") -> None:
        """A terminal that went away must not stop a rollback half-way."""
        with contextlib.suppress(OSError):
            print(text, end=end, file=self._err, flush=True)

    def ask(self, question: str) -> bool:
        """Ask once on the terminal; only "y" or "yes" is a yes."""
        self.flush()
        self._say(f"{question} [y/N] ", end="")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def flush(self) -> None:
        """Hand out what is still held back. Raises OSError where nobody can take it."""
        try:
            self._out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self.give_up_output()
            raise OSError(error.errno, error.strerror, "standard output") from error

    def ignore_output_errors(self) -> None:
        """What was done is done, and the exit status says so, even if nobody reads about it."""
        self._must_be_read = False

    def finish(self) -> None:
        """The end. Raises OSError where the result could not be handed out."""
        try:
            self.flush()
        except OSError:
            self.give_up_output()
            if self._must_be_read:
                raise

    def give_up_output(self) -> None:
        """The reader of our output went away: keep the interpreter from complaining at its end."""
        with contextlib.suppress(OSError):
            self._out.close()


def _one_line(text: str) -> str:
    """Names in an image may hold anything; none makes a line of its own."""
    return harmless(text).replace("\n", "\\n")


def can_ask() -> bool:
    """Whether a person sits at the other end."""
    return sys.stdin is not None and sys.stdin.isatty()


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 100
