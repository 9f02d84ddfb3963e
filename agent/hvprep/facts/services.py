"""Which services boot starts, told by the files of the init system that starts them.

Sources: systemd.unit(5) for the directories, masks and .wants; systemctl(1), is-enabled; Debian policy 9.3
(rc directories); openrc(8); init(5) of upstart.
"""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: In the order in which systemd looks for a unit.
_UNIT_DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_GENERATED = ("/run/systemd/generator.early", "/run/systemd/generator", "/run/systemd/generator.late")
#: Debian; EL; SUSE.
_RC_DIRECTORIES = ("/etc", "/etc/rc.d", "/etc/init.d")
_RUNLEVELS = ("rc2.d", "rc3.d", "rc4.d", "rc5.d")


@dataclass(frozen=True)
class Service:
    """One service. `starts` is whether boot starts it; None where no init system's file tells."""

    name: str
    starts: bool | None
    because: str


def probe_service(view: View, *names: str) -> Service:
    """The first of `names` (without .service) that there is; of several, one that boot starts.

    Only files count, so that an image answers as the running system does; what a unit's Condition or a
    preset at the first boot makes of it is not known here.
    """
    found = [each for each in (_probe(view, name) for name in names) if each is not None]
    started = [each for each in found if each.starts]
    nothing = Service(names[0], None, f"no service {' or '.join(names)} is installed")
    return (started or found or [nothing])[0]


def _probe(view: View, name: str) -> Service | None:
    return _by_systemd(view, name) or _by_links(view, name)


def _by_systemd(view: View, name: str) -> Service | None:
    unit = f"{name}.service"
    path = find_unit(view, unit)
    if path is None:
        return None
    if is_mask(view, path):
        return Service(name, False, f"{path} masks it")
    for directory in (*_UNIT_DIRECTORIES, *_GENERATED):
        for kind in ("wants", "requires"):
            for link in view.glob(f"{directory}/*.{kind}/{unit}"):
                return Service(name, True, f"{link} starts it")
    return Service(name, False, f"{path} is not enabled")


def find_unit(view: View, name: str) -> GuestPath | None:
    """The file that systemd takes for the unit of this name (with its suffix), masks included."""
    paths = [GuestPath(directory) / name for directory in _UNIT_DIRECTORIES]
    return next((path for path in paths if view.node(path) is not None), None)


def is_mask(view: View, unit: GuestPath) -> bool:
    """Whether the file is a link to /dev/null, or empty: systemd then never starts the unit."""
    node = view.node(unit)
    return node is not None and (node.target == "/dev/null" or (node.target is None and node.size == 0))


def _by_links(view: View, name: str) -> Service | None:
    """SysV's rc directories, OpenRC's runlevels and upstart's jobs."""
    for link in (*_rc_links(view, name), *view.glob(f"/etc/runlevels/*/{name}")):
        return Service(name, True, f"{link} starts it")
    job = GuestPath(f"/etc/init/{name}.conf")
    if view.node(job) is not None:
        manual = b"manual" in (view.read(job.with_suffix(".override")) or b"").split()
        return Service(name, not manual, f"{job} {'is manual' if manual else 'starts it'}")
    script = GuestPath("/etc/init.d") / name
    return Service(name, False, f"{script} is in no runlevel") if view.node(script) is not None else None


def _rc_links(view: View, name: str) -> list[GuestPath]:
    found = [path for directory in _RC_DIRECTORIES for path in view.glob(f"{directory}/rc?.d/S??{name}")]
    return [path for path in found if path.parent.name in _RUNLEVELS]
