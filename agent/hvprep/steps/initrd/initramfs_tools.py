"""initramfs-tools: Debian, Ubuntu."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from hvprep.facts.initrd_tools import InitrdTool
from hvprep.facts.kernels import Kernel
from hvprep.formats import default_grub
from hvprep.formats.initrd_resume import NO_DEVICE
from hvprep.model.change import CANDIDATE, SCRATCH
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.initrd.configuration import appended, loadable_modules, plan_text, read_text, with_lines
from hvprep.steps.initrd.maker import Command, Maker, Order, Swap

MODULES_FILE = GuestPath("/etc/initramfs-tools/modules")
#: Where installers name the device.
RESUME_FILE = MODULES_FILE.parent / "conf.d/resume"
_INIT = GuestPath("/usr/share/initramfs-tools/init")
_RESUME = re.compile(
    r"^([ \t]*(?:export[ \t]+)?RESUME=)(?:\"[^\"\n$`]*\"|'[^'\n]*'|[^\s\"'$`;&|#]*)", re.MULTILINE
)


def _plan(view: View, tool: InitrdTool, kernels: Sequence[Kernel], names: Sequence[str]) -> Iterator[Outcome]:
    """initramfs-tools(7): one module a line; the file has no drop-in directory in /etc."""
    text = read_text(view, MODULES_FILE)
    listed = {line.split()[0].replace("-", "_") for line in text.splitlines() if line.split()}
    missing = [name for name in loadable_modules(kernels, names, everywhere=False) if name not in listed]
    if missing:
        yield from plan_text(view, MODULES_FILE, appended(text, *missing))


def _command(view: View, order: Order) -> Command:
    """Not update-initramfs: with update_initramfs=no it makes nothing, with exit status 0.

    Offline, MODULES=dep asks for the devices of the machine it runs on, which is the builder: a copy of
    the configuration in which it says most is handed over (mkinitramfs(8), -d). The system's own stays.
    """
    program, version = str(order.tool.program), order.kernel.version
    if not order.generic:
        return Command((program, "-o", CANDIDATE, version))
    return Command(
        (program, "-d", f"{SCRATCH}/conf", "-o", CANDIDATE, version),
        copy=((MODULES_FILE.parent, "conf"),),
        scratch=(("conf/conf.d/zzz-hvprep-offline", 'test "$MODULES" != dep || MODULES=most\n'),),
    )


def _looks_at_devices(view: View) -> bool:
    """With MODULES=dep."""
    value = _evaluate(_read_configuration(view), "MODULES")
    return value.text == "dep" or not value.certain


def _plan_no_resume(view: View, tool: InitrdTool, swap: Swap) -> Iterator[Outcome]:
    """RESUME=none (its hooks/resume and init). Without a value, or with auto, the hook takes the largest swap
    device of the moment, and a later kernel's image would wait for that of a temporary disk.

    An init from before that word takes it for a device: then it is an empty value.
    """
    files = _read_configuration(view)
    value, wanted = _evaluate(files, "RESUME"), "none" if _knows_none(view) else ""
    accepted = (wanted,) if swap.was or swap.stays else (wanted, *NO_DEVICE)
    if value.certain and value.text in accepted:
        return
    after = {path: _RESUME.sub(rf"\g<1>{wanted}", text) for path, text in files.items() if _is_ours(path)}
    if all(_RESUME.search(text) is None for text in after.values()):
        after[RESUME_FILE] = with_lines(after.get(RESUME_FILE, ""), f"RESUME={wanted}")
    value = _evaluate({**files, **after}, "RESUME")
    if not value.certain or value.text != wanted:
        yield Note(
            Verdict.UNMET,
            f"RESUME in the configuration of initramfs-tools is {value.text!r}, or what a shell makes of it",
            f"see to it that it is {wanted or 'empty'}, in {RESUME_FILE}",
        )
        return
    for path, text in sorted(after.items()):
        yield from plan_text(view, path, text, "initrds resume from no swap device")


def _knows_none(view: View) -> bool:
    init = view.read(_INIT)
    return init is None or b"= none ]" in init


def _is_ours(path: GuestPath) -> bool:
    """The main file is the package's; what is in conf.d counts before it."""
    return path.parent == RESUME_FILE.parent


def _read_configuration(view: View) -> dict[GuestPath, str]:
    """initramfs.conf(5): the main file, then those in conf.d in the order of their names; one in /usr/share
    is masked by one of its name in /etc."""
    main = MODULES_FILE.parent / "initramfs.conf"
    own = view.glob(f"{RESUME_FILE.parent}/*")
    shipped = view.glob("/usr/share/initramfs-tools/conf.d/*")
    masked = {path.name for path in own}
    files = (main, *(path for path in shipped if path.name not in masked), *own)
    return {path: read_text(view, path) for path in files if _is_read(path.name)}


def _is_read(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII) is not None and ".dpkg-" not in name


def _evaluate(files: Mapping[GuestPath, str], name: str) -> default_grub.Value:
    """The value after all were sourced; a file that a step adds to them comes in the order of its name."""
    order = sorted(files, key=lambda path: (_is_ours(path), path.parent != MODULES_FILE.parent, path.name))
    return default_grub.evaluate([default_grub.parse(files[path]) for path in order], [name])[name]


MAKER = Maker("initrd.img-{}", _plan, _command, True, _looks_at_devices, _plan_no_resume)
