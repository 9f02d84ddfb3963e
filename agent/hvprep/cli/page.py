"""The report of a check as one page for a browser: no script, no network, readable on paper and on a phone.

Made from the same document that `check --json` prints; what the page looks like stands in conf/report.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from string import Template
from typing import Any

from hvprep.cli.diff import join_argv
from hvprep.log import harmless
from hvprep.model.finding import Severity, Verdict
from hvprep.system.shipped import read_shipped

#: (heading, class, verdict, severity or None for both), in the order of the page.
_GROUPS = (
    ("Required, and not met", "bad", Verdict.UNMET, Severity.REQUIRED),
    ("Recommended, and not met", "open", Verdict.UNMET, Severity.RECOMMENDED),
    ("Not assessed", "open", Verdict.NOT_ASSESSED, None),
    ("Met", "good", Verdict.MET, None),
    ("Not applicable", "dim", Verdict.NOT_APPLICABLE, None),
)
_PLATFORMS = {"azure": "Azure", "hyperv": "Hyper-V"}


def render_page(report: Mapping[str, Any], made: datetime) -> str:
    """The page of one report. `made` is when the machine was looked at."""
    verdict, colour = _verdict(report)
    counts = ", ".join(f"{count} {name}" for name, count in report["summary"].items() if count)
    where = f"{report['root']} ({report['mode']})"
    when = made.strftime("%Y-%m-%d %H:%M %Z")
    return Template(read_shipped("report.html").decode("utf-8")).substitute(
        {
            "title": _text(f"hvprep: {where}"),
            "class": colour,
            "verdict": _text(verdict),
            "counts": _text(f"{counts}."),
            "made": _text(f"{where}, looked at on {when} by hvprep {report['hvprep']}"),
            "groups": "\n".join(_groups(report["findings"])),
            "machine": "\n".join(
                f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>"
                for name, value in _facts(report["machine"])
            ),
        }
    )


def _text(value: str) -> str:
    """What an image says, as text of a page: no markup, no control characters, no lone surrogates."""
    return escape(harmless(value).encode("utf-8", "backslashreplace").decode("utf-8"))


def _verdict(report: Mapping[str, Any]) -> tuple[str, str]:
    place = _PLATFORMS[report["machine"]["profile"]]
    required = [finding for finding in report["findings"] if finding["severity"] == Severity.REQUIRED.value]
    unmet = sum(finding["verdict"] == Verdict.UNMET.value for finding in required)
    unknown = sum(finding["verdict"] == Verdict.NOT_ASSESSED.value for finding in required)
    if unmet:
        return f"Not ready for {place}: {_counted(unmet)} not met", "bad"
    if unknown:
        return f"Perhaps ready for {place}: {_counted(unknown)} could not be assessed", "open"
    return f"Ready for {place}: all that is required is met", "good"


def _counted(count: int) -> str:
    return f"{count} requirement{'' if count == 1 else 's'}"


def _groups(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for heading, colour, verdict, severity in _GROUPS:
        rows = [
            finding
            for finding in findings
            if finding["verdict"] == verdict.value and severity in (None, Severity(finding["severity"]))
        ]
        if rows:
            yield f'<section>\n<h2 class="{colour}">{heading} ({len(rows)})</h2>'
            yield from (_row(finding) for finding in rows)
            yield "</section>"


def _row(finding: Mapping[str, Any]) -> str:
    parts = [
        f'<article class="row" id="{_text(finding["id"])}">',
        f'<h3>{_text(finding["title"])} <span class="tag"><code>{_text(finding["id"])}</code>,'
        f" {_text(finding['severity'])}</span></h3>",
    ]
    if finding["because"]:
        reasons = "".join(f"<li>{_text(reason)}</li>" for reason in finding["because"])
        parts.append(f"<ul>{reasons}</ul>")
    if finding["remedy"] is not None and finding["verdict"] != Verdict.MET.value:
        parts.append(f"<p><strong>What to do:</strong> {_text(finding['remedy'])}</p>")
    parts += [_change(change) for change in finding["changes"]]
    parts += [f'<p class="tag">Asked for by: {_text(finding["source"])}</p>', "</article>"]
    return "\n".join(parts)


def _change(change: Mapping[str, Any]) -> str:
    words = [change["kind"], change.get("target", "")]
    if "argv" in change:
        words += ["with:", join_argv(change["argv"])] if "target" in change else [join_argv(change["argv"])]
    head = f"<p>hvprep prepare would: <code>{_text(' '.join(filter(None, words)))}</code></p>"
    return head if change["diff"] is None else f"{head}<pre>{''.join(_diff(change['diff']))}</pre>"


def _diff(diff: str) -> Iterator[str]:
    for line in diff.splitlines():
        is_head = line.startswith(("+++", "---"))
        colour = "" if is_head else {"+": "plus", "-": "minus"}.get(line[:1], "")
        yield f'<span class="{colour}">{_text(line) or " "}</span>'


def _facts(machine: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "made for", _PLATFORMS[machine["profile"]]
    platform = machine["platform"]
    if platform is not None:
        yield "platform", f"{platform['kind']}: {platform['because']}"
    numbers = " and ".join(map(str, machine["generations"]["numbers"])) or "not known"
    yield "generation", f"{numbers}: {machine['generations']['because']}"
    for name, facts in (
        ("architecture", [machine["architecture"]]),
        ("boot loader", [machine["boot_loader"]]),
        ("initrd", machine["initrd_generators"]),
        ("kernel", machine["kernels"]),
    ):
        for fact in facts:
            yield name, "none that hvprep knows" if fact is None else f"{fact['name']}: {fact['because']}"
