"""Drivers that are there and that nothing loads: modprobe.d, its copy in an initrd, the kernel's own line.

Such a driver counts as absent. The system's own rules are mostly somebody's hardening: hyperv-modules sees to
them. An image whose copy has a rule that its source has no longer is made anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.facts.initrds import Initrd
from hvprep.facts.kernels import Kernel
from hvprep.formats.modprobe_conf import parse
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View
from hvprep.steps.modprobe.requests import Request, find_request, names_of_file_system
from hvprep.steps.modprobe.rules import Placed, find_bans, read_text, rules_in


def find_requests(kernel: Kernel, names: Sequence[str]) -> tuple[Request, ...]:
    """How each driver that this kernel has as a module is asked for; "fs-TYPE" is that of a file system."""
    if kernel.modules is None:
        return ()
    found = (
        find_request(kernel.modules, names_of_file_system(name[3:]), by_device=False, is_early=True)
        if name.startswith("fs-")
        else find_request(kernel.modules, (name,), by_device=True, is_early=True)
        for name in names
    )
    return tuple(request for request in found if isinstance(request, Request))


def plan_bans(
    view: View,
    rules: Sequence[Placed],
    kernel: Kernel,
    requests: Sequence[Request],
    initrds: Sequence[Initrd],
) -> Iterator[Note]:
    """A Note for each driver that is kept out, where no new image helps."""
    for request in requests:
        found = [*find_bans(rules, request, kernel.image.name)]
        for initrd in initrds:
            stale = find_stale(view, rules, kernel, request, initrd)
            found += [ban for ban in find_bans(rules_in(initrd), request) if ban not in stale]
        for ban in found:
            because = f"{request.module} counts as absent: {ban.where}: {ban.rule.text}"
            yield Note(Verdict.UNMET, because, ban.remedy)


def find_stale(
    view: View, rules: Sequence[Placed], kernel: Kernel, request: Request, initrd: Initrd
) -> tuple[Placed, ...]:
    """The rules in the image's copy of files that the system has without them: a new image has none of them.

    A file that the system has not at all may be the generator's own, which puts it into each new image.
    """
    if find_bans(rules, request, kernel.image.name):
        return ()
    return tuple(ban for ban in find_bans(rules_in(initrd), request) if _is_gone(view, ban))


def _is_gone(view: View, ban: Placed) -> bool:
    """Whether the file that was copied is there and has the rule no longer."""
    if ban.source is None or view.read(ban.source) is None:
        return False
    rules = parse(read_text(view, ban.source))
    return all((rule.name, rule.reach) != (ban.rule.name, ban.rule.reach) for rule in rules)
