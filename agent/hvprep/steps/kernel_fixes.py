"""kernel-fixes: a kernel that is not too old, with the fixes that Hyper-V asks for."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.kernels import Kernel, version_key
from hvprep.facts.tools import find_program
from hvprep.formats.kernel_release import Release, Vendor, parse_release
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.kernel.evidence import read_banner, read_changelog, shows
from hvprep.steps.kernel.fixes import FIXES, Fix, carries
from hvprep.steps.kernel_version import EL_WITH_DRIVERS
from hvprep.steps.modprobe.loadable import NO_KERNEL

#: Seed.
_RECOMMENDED = (3, 8)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    if not facts.image.all_kernels:
        yield NO_KERNEL
    for kernel in facts.image.all_kernels:
        release = parse_release(kernel.version, read_banner(view, kernel))
        if release is None:
            yield Note(Verdict.NOT_ASSESSED, f"kernel {kernel.name} does not tell its version")
            continue
        if release.line < _RECOMMENDED and not _has_drivers_of_el(release):
            because = f"kernel {kernel.name} is of Linux {release.name}, and 3.8 or newer is recommended"
            yield Note(Verdict.UNMET, because, "install a newer kernel of the distribution")
        yield from _judge_fixes(view, kernel, release)


def _has_drivers_of_el(release: Release) -> bool:
    """Seed: in Enterprise Linux the drivers are there from 6.4 on, and it recommends these systems."""
    is_6 = release.vendor is Vendor.EL and release.line == (2, 6, 32)
    return is_6 and version_key(release.text) >= version_key(EL_WITH_DRIVERS)


def _judge_fixes(view: View, kernel: Kernel, release: Release) -> Iterator[Note]:
    answers = {fix: carries(fix, release) for fix in FIXES}
    if None in answers.values():
        changelog = read_changelog(view, kernel)
        for fix, answer in answers.items():
            seen = shows(view, kernel, fix, changelog)
            answers[fix] = answer if answer is not None else seen
    for fix, answer in answers.items():
        if answer is False:
            because = f"kernel {kernel.name} is without {_words(fix)}"
            yield Note(Verdict.UNMET, because, "install a newer kernel of the distribution")
        elif answer is None:
            because = f"kernel {kernel.name} is older than {_words(fix)}; its vendor may have taken it back"
            yield Note(Verdict.NOT_ASSESSED, because, _where_to_look(view, kernel))
    if all(answers.values()):
        yield Note(Verdict.MET, f"kernel {kernel.name}, of Linux {release.name}, has all {len(FIXES)} fixes")


def _words(fix: Fix) -> str:
    return f'"{fix.subject}" (commit {fix.commit}, Linux {".".join(map(str, fix.upstream))})'


def _where_to_look(view: View, kernel: Kernel) -> str:
    if find_program(view, "rpm") is not None:
        return f"look for these words in what this prints: rpm -q --changelog -f {kernel.image}"
    if find_program(view, "apt-get") is not None:
        return f"look for these words in what this prints: apt-get changelog linux-image-{kernel.version}"
    return "look for these words in the changelog of the kernel's package"


KERNEL_FIXES: Step[Facts, Settings] = Step(
    id="kernel-fixes",
    title="every kernel is recent enough, and has the fixes for Hyper-V",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="seed (3.8 or newer, seven fixes), the marketplace's list of 2021 (SACK)",
    remedy="install a newer kernel of the distribution",
    plan=_plan,
    rows=("K11",),
)
