"""What is started at boot, by systemd or an older init: asked of a View, for a change may enable a service.

Source of the facts: systemd.unit(5), systemctl(1), systemd-sysv-generator(8), update-rc.d(8), init(5) of
upstart, rc-update(8).
"""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.facts.boot_targets import LINKS, is_reached
from hvprep.facts.unit_lines import UNIT_DIRECTORIES
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

_INIT = GuestPath("/sbin/init")
#: The run levels of OpenRC that a boot comes by.
_OPENRC_LEVELS = ("sysinit", "boot", "default")


@dataclass(frozen=True)
class Service:
    """A service as an init knows it.

    name        with its suffix where it is a unit of systemd ("ssh.service"), else the plain name
    path        its unit file, job or script
    started_by  the links (or the job itself) that have it started at boot; empty where it is not enabled
    masked_by   the link to /dev/null, or the empty file, that keeps systemd from starting it
    """

    name: str
    path: GuestPath
    started_by: tuple[GuestPath, ...]
    masked_by: GuestPath | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether it is started at boot."""
        return bool(self.started_by) and self.masked_by is None

    @property
    def is_unit(self) -> bool:
        """Whether it is systemd's."""
        return "." in self.name


def uses_systemd(view: View) -> bool:
    """Whether systemd is installed, and not beside another init, as Debian allows."""
    init = view.resolve(_INIT)
    node = view.node(init)
    if node is not None and node.kind is Kind.FILE and init.name != "systemd":
        return False
    return any(view.node(GuestPath(each) / "basic.target") is not None for each in UNIT_DIRECTORIES) or (
        node is not None and init.name == "systemd"
    )


def find_service(view: View, *names: str) -> Service | None:
    """The first of these names that the system's init knows; an enabled one before one that is not.

    Names are plain ("ssh") or units of systemd ("ssh.socket"); plain ones stand for NAME.service there. A
    template ("getty@.service") is enabled where one of its instances is.
    """
    find = _find_unit_or_script if uses_systemd(view) else _find_script
    found = [service for service in (find(view, name) for name in names) if service is not None]
    return next((service for service in found if service.is_enabled), found[0] if found else None)


def is_started(view: View, *names: str) -> bool:
    """Whether boot starts one of them, by the names of find_service()."""
    service = find_service(view, *names)
    return service is not None and service.is_enabled


def find_unit_file(view: View, unit: str) -> GuestPath | None:
    """Where systemd reads the unit from; a mask counts as such a file, a link that leads nowhere does not."""
    paths = (GuestPath(directory) / unit for directory in UNIT_DIRECTORIES)
    return next((path for path in paths if is_mask(view, path) or view.node(view.resolve(path))), None)


def is_mask(view: View, path: GuestPath) -> bool:
    """Whether the file is a link to /dev/null, or empty: systemd starts no such unit (systemd.unit(5))."""
    node = view.node(path)
    if node is None:
        return False
    return node.target == "/dev/null" or (node.kind is Kind.FILE and node.size == 0)


def _find_unit_or_script(view: View, name: str) -> Service | None:
    """A unit; where there is none of that name, systemd makes one of a script with links in /etc/rc*.d."""
    unit = _find_unit(view, name)
    script = _find_sysv(view, name.removesuffix(".service")) if unit is None else None
    return unit or script


def _find_unit(view: View, name: str) -> Service | None:
    unit = name if "." in name else f"{name}.service"
    path = find_unit_file(view, unit)
    if path is None:
        return None
    links = [
        link
        for directory in UNIT_DIRECTORIES
        for kind in LINKS
        for link in view.glob(f"{directory}/*.{kind}/{unit.replace('@.', '@*.')}")
        if is_reached(view, link.parent.stem)
    ]
    by_path = {
        view.resolve(link.parent) / link.name: link for link in reversed(links)
    }  # /lib may be /usr/lib
    return Service(unit, path, tuple(sorted(by_path.values())), path if is_mask(view, path) else None)


def _find_script(view: View, name: str) -> Service | None:
    """A job of upstart, a service of OpenRC, or a script of sysvinit."""
    return _find_job(view, name) or _find_sysv(view, name)


def _find_job(view: View, name: str) -> Service | None:
    job = GuestPath(f"/etc/init/{name}.conf")
    content = view.read(job)
    if content is None:
        return None
    override = view.read(job.with_suffix(".override")) or b""
    lines = [line.split() for line in content.splitlines()]
    changed = [line.split() for line in override.splitlines()]
    starts = any(words[:2] == [b"start", b"on"] for words in (*lines, *changed))
    return Service(name, job, (job,) if starts and [b"manual"] not in (*lines, *changed) else ())


def _find_sysv(view: View, name: str) -> Service | None:
    script = GuestPath(f"/etc/init.d/{name}")
    if view.node(script) is None:
        return None
    links = tuple(
        link for level in _OPENRC_LEVELS for link in view.glob(f"/etc/runlevels/{level}/{name}")
    ) + tuple(
        link
        for level in "2345"
        for directory in (f"/etc/rc{level}.d", f"/etc/rc.d/rc{level}.d", f"/etc/init.d/rc{level}.d")
        for link in view.glob(f"{directory}/S[0-9][0-9]{name}")
    )
    return Service(name, script, links)
