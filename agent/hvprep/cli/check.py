"""hvprep check: audits this system, or an image, and changes nothing."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hvprep.cli.page import render_page
from hvprep.cli.render import Screen
from hvprep.cli.report import exit_status, report_to_json
from hvprep.cli.session import (
    add_root_argument,
    choose_steps,
    is_root,
    open_machine,
    plan_steps,
    read_machine,
)
from hvprep.engine.preflight import refuse_unmounted
from hvprep.engine.transaction import find_open
from hvprep.errors import UsageError
from hvprep.model.finding import Profile
from hvprep.steps.registry import STEPS
from hvprep.system.hostfile import write_host_file
from hvprep.system.lock import find_holder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    add_root_argument(parser)
    parser.add_argument(
        "--only",
        metavar="ID",
        help="judge this requirement only, or these with commas between them; generalised: those that an"
        " image has to satisfy that machines are made from",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 3 for unmet recommendations too")
    parser.add_argument(
        "--list", action="store_true", help="list every requirement, its source and its remedy"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument(
        "--json", action="store_true", help="print the report as JSON (report.schema.json tells its form)"
    )
    forms.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write the report to FILE, as one page for a browser; - is the standard output",
    )


def run(options: argparse.Namespace, screen: Screen) -> int:
    """Judge every requirement. Exit status 3 where a required one is not met."""
    steps = choose_steps(options.only)
    if options.list and options.html is not None:
        raise UsageError("--list does not go with --html", "use --list, or --list --json")
    if options.list:
        return _list(options, screen)
    machine = open_machine(options.root)
    refuse_unmounted(machine)
    session = read_machine(machine)
    findings = plan_steps(session, steps).findings
    if options.json:
        screen.document(report_to_json(session, findings, options.strict))
    elif options.html is not None:
        report = report_to_json(session, findings, options.strict)
        page = render_page(report, datetime.now(timezone.utc))
        if str(options.html) == "-":
            screen.text(page)
        else:
            write_host_file(options.html, page)
            screen.counts(findings)
            screen.line(f"The report is in {options.html}.")
    else:
        screen.machine(
            session.facts, str(machine.root.host_path), "live" if session.machine.live else "offline"
        )
        screen.findings(findings)
        holder = find_holder(machine.root)
        if holder is not None:
            screen.line(f"hvprep is at work on this system: {holder}")
        for transaction in find_open(machine.root) if is_root() and holder is None else ():
            screen.line(
                f"Transaction {transaction.id} was cut off ({transaction.state.value}): hvprep rollback"
            )
    return exit_status(findings, options.strict)


def _list(options: argparse.Namespace, screen: Screen) -> int:
    rows: list[dict[str, Any]] = [
        {
            "id": step.id,
            "title": step.title,
            "severity": step.severity.value,
            "phase": step.phase.value,
            "profiles": [profile.value for profile in step.profiles],
            "source": step.source,
            "rows": list(step.rows),
            "remedy": step.remedy,
        }
        for step in STEPS
    ]
    if options.json:
        screen.document(rows)
        return 0
    for step, row in zip(STEPS, rows):
        screen.line(f"{row['id']}: {row['title']}")
        where = "" if len(step.profiles) == len(Profile) else f", {' and '.join(row['profiles'])} only"
        screen.line(f"    {row['severity']}, phase {row['phase']}{where}; source: {step.sources}")
        screen.line(f"    remedy: {row['remedy']}")
    return 0
