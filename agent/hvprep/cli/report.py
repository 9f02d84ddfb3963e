"""The result of a check as data (conf/report.schema.json) and its exit status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hvprep import __version__
from hvprep.cli.diff import diff_of
from hvprep.cli.session import Session
from hvprep.facts.gather import ImageFacts
from hvprep.model.change import Build, Change, Run, target_of
from hvprep.model.finding import Finding, Severity, Verdict

REPORT_VERSION = 1

EXIT_MET, EXIT_FOUND = 0, 3


def exit_status(findings: Sequence[Finding], strict: bool) -> int:
    """3 where a required row is not met; --strict counts recommended ones too."""
    found = [finding for finding in findings if finding.verdict is Verdict.UNMET]
    counted = [finding for finding in found if strict or finding.severity is Severity.REQUIRED]
    return EXIT_FOUND if counted else EXIT_MET


def count_verdicts(findings: Sequence[Finding]) -> dict[Verdict, int]:
    """How many findings have each verdict."""
    return {verdict: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict}


def report_to_json(session: Session, findings: Sequence[Finding], strict: bool) -> dict[str, Any]:
    """The document that `check --json` prints."""
    return {
        "version": REPORT_VERSION,
        "hvprep": __version__,
        "root": str(session.machine.root.host_path),
        "mode": "live" if session.machine.live else "offline",
        "machine": _machine(session),
        "findings": [_finding(session, finding) for finding in findings],
        "summary": {verdict.value: count for verdict, count in count_verdicts(findings).items()},
        "exit_status": exit_status(findings, strict),
    }


def _machine(session: Session) -> dict[str, Any]:
    image, platform = session.facts.image, session.facts.platform
    return {
        "profile": session.settings.image_profile,
        "generations": {
            "numbers": sorted(image.generations.numbers),
            "because": image.generations.because,
        },
        "platform": None
        if platform is None
        else {
            "kind": platform.kind.value,
            "hypervisor": platform.hypervisor,
            "generation": platform.generation,
            "because": platform.because,
        },
        "architecture": _named(image.architecture.name, image.architecture.because),
        "boot_loader": _boot_loader(image),
        "initrd_generators": [_named(tool.generator.value, tool.because) for tool in image.initrd_tools],
        "kernels": [_named(kernel.version or kernel.name, str(kernel.image)) for kernel in image.all_kernels],
    }


def _boot_loader(image: ImageFacts) -> dict[str, str] | None:
    names = [loader.kind.value for loader in image.boot_loaders]
    because = [loader.because for loader in image.boot_loaders]
    return _named(" and ".join(names), "; ".join(because))


def _named(name: str, because: str) -> dict[str, str] | None:
    return {"name": name, "because": because} if name else None


def _finding(session: Session, finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "title": finding.title,
        "severity": finding.severity.value,
        "verdict": finding.verdict.value,
        "because": list(finding.because),
        "remedy": finding.remedy,
        "source": finding.source,
        "changes": [_change(session, change) for change in finding.changes],
    }


def _change(session: Session, change: Change) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": type(change).__name__.lower(), "why": change.why}
    document["diff"] = diff_of(session.machine.root, change)
    if isinstance(change, (Run, Build)):
        document["argv"] = list(change.argv)
    if not isinstance(change, Run):
        document["target"] = str(target_of(change))
    return document
