"""floppy-module: the floppy driver is not loaded.

`blacklist` and no more, as the vendors' images for Azure have it: it keeps away what a device asks for. What
a person asks for by its name is the person's business.
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts, ImageFacts
from hvprep.formats.initrd_modules import loaded_modules
from hvprep.formats.kernel_modules import Builtin
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Phase, Profile, Severity, Step, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.modprobe.loadable import NO_KERNEL, no_modules
from hvprep.steps.modprobe.requests import Request, find_request
from hvprep.steps.modprobe.rules import find_bans, read_rules, rules_in
from hvprep.system.shipped import read_shipped

_FLOPPY = Request("floppy", "floppy", frozenset(("floppy",)))
DROP_IN = GuestPath("/etc/modprobe.d/hvprep-floppy.conf")


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    kernels = facts.image.all_kernels
    problems = [] if kernels else [NO_KERNEL]
    with_module = []
    for kernel in kernels:
        if kernel.modules is None:
            problems.append(no_modules(kernel))
            continue
        found = find_request(kernel.modules, ("floppy",), by_device=True, is_early=False)
        if isinstance(found, Builtin):
            because = f"kernel {kernel.name} has the floppy driver built in"
            problems.append(Note(Verdict.UNMET, because, "use a kernel that has it as a module"))
        elif found is not None:
            with_module.append(kernel.name)
    bans = find_bans(read_rules(view, ()), _FLOPPY)
    yield from problems
    if with_module and not bans:
        because = f"nothing keeps floppy out of kernel {' and '.join(with_module)}"
        yield Write(DROP_IN, read_shipped("hvprep-floppy.conf"), because)
    elif with_module:
        yield Note(Verdict.MET, f"{bans[0].where}: {bans[0].rule.text}")
        yield from _tell_of_images(facts.image)
    elif not problems:
        yield Note(Verdict.MET, "no kernel has it")


def _tell_of_images(image: ImageFacts) -> Iterator[Note]:
    """Which initrds still load it. They are not made anew for that: it costs a moment, and no boot."""
    for kernel in image.kernels:
        for initrd in map(image.initrd_at, kernel.initrds):
            if initrd is None or initrd.contents is None or find_bans(rules_in(initrd), _FLOPPY):
                continue
            if "floppy" in loaded_modules(initrd.contents, kernel.version):
                because = f"{initrd.path} holds floppy, and is older than that rule or made without it"
                yield Note(Verdict.MET, because)


FLOPPY_MODULE: Step[Facts, Settings] = Step(
    id="floppy-module",
    title="the floppy driver is not loaded for a device",
    severity=Severity.RECOMMENDED,
    phase=Phase.PREPARE,
    source="LISA (verify_floppy_module_is_blacklisted), the vendors' images for Azure",
    remedy="run hvprep prepare",
    plan=_plan,
    rows=("K10",),
    profiles=(Profile.AZURE,),
)
