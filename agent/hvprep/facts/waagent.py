"""waagent, the Azure Linux Agent: its version, its configuration, the Python that it runs with.

Sources: WALinuxAgent, common/version.py, common/conf.py, pa/provision/factory.py and default.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from hvprep.facts.python import Interpreter, find_interpreter, find_module
from hvprep.facts.services import is_started
from hvprep.facts.tools import find_program
from hvprep.formats import waagent_conf
from hvprep.formats.waagent_conf import WaagentConf
from hvprep.model.node import GuestPath
from hvprep.model.view import View

WAAGENT_CONF = GuestPath("/etc/waagent.conf")
#: The first that knows Provisioning.Agent, instead of Provisioning.Enabled and Provisioning.UseCloudInit.
KNOWS_AGENT = (2, 2, 45)
_PACKAGE = "azurelinuxagent"
_VERSION_FILE, _KEYS_FILE = "common/version.py", "common/utils/cryptutil.py"
_DISK_FILE = "daemon/resourcedisk/default.py"
#: In the package; in the one file that versions before 2.1 were.
_VERSION = re.compile(
    rb"^(?:AGENT_VERSION|GuestAgentVersion)\s*=\s*['\"](?:WALinuxAgent-)?([0-9.]+)['\"]", re.M
)


class Part(str, Enum):
    """What waagent does about provisioning."""

    PROVISIONS = "provisions"
    LEAVES_IT = "leaves it to cloud-init"
    NOTHING = "does nothing"


@dataclass(frozen=True)
class Waagent:
    """An installed agent.

    version         as numbers; None where its files do not tell
    conf            None where it has no file
    python          None where nothing tells which Python it runs with
    lacks_pyasn1    whether it imports pyasn1 and this Python has none; False where that cannot be known
    shares_disk     whether it sets up the temporary disk without asking whether cloud-init does
    """

    program: GuestPath
    version: tuple[int, ...] | None
    conf: WaagentConf | None
    python: Interpreter | None
    lacks_pyasn1: bool
    shares_disk: bool

    @property
    def version_text(self) -> str:
        """The version for people."""
        return ".".join(map(str, self.version)) if self.version is not None else "of an unknown version"


def probe_waagent(view: View) -> Waagent | None:
    """The agent, if it is installed. Takes any View, so that a step can ask after the changes of others."""
    program = find_program(view, "waagent")
    if program is None:
        return None
    python = find_interpreter(view, program)
    package = find_module(view, python, _PACKAGE) if python is not None else None
    files = [program]
    if package is not None:
        files += [package.parent / name for name in (_VERSION_FILE, _KEYS_FILE, _DISK_FILE)]
    sources = [view.read(path) or b"" for path in files]
    versions = [match[1].decode() for text in sources for match in [_VERSION.search(text)] if match]
    numbers = re.findall("[0-9]{1,6}", versions[0]) if versions else []
    needs_pyasn1 = any(re.search(rb"^\s*(?:from|import) pyasn1\b", text, re.M) for text in sources)
    return Waagent(
        program,
        tuple(map(int, numbers)) or None,
        read_waagent_conf(view),
        python,
        needs_pyasn1 and python is not None and find_module(view, python, "pyasn1") is None,
        _shares_disk(sources),
    )


def _shares_disk(sources: list[bytes]) -> bool:
    """By the file that has to do with the disk; one alone is an agent of before 2.1, or tells nothing."""
    if len(sources) == 1:
        return _VERSION.search(sources[0]) is not None
    return sources[-1] != b"" and b"cloud_init_is_enabled" not in sources[-1]


def read_waagent_conf(view: View) -> WaagentConf | None:
    """waagent's settings; None where it has no file of them."""
    content = view.read(WAAGENT_CONF)
    return None if content is None else waagent_conf.parse(content.decode("utf-8", "surrogateescape"))


def leaves_disk(view: View, agent: Waagent) -> bool:
    """Whether it leaves the temporary disk to cloud-init: it asks systemctl whether the unit is enabled, not
    whether cloud-init will run (cloud_init_is_enabled of pa/provision/cloudinit.py)."""
    return not agent.shares_disk and _enables_cloud_init(view)


def part_of(view: View, agent: Waagent) -> tuple[Part, str]:
    """What a waagent that is started does about provisioning, and by which words of its file."""
    conf = agent.conf or waagent_conf.parse("")
    if agent.version is not None and agent.version < KNOWS_AGENT:
        if conf.is_on("Provisioning.UseCloudInit", otherwise=False):
            return Part.LEAVES_IT, "Provisioning.UseCloudInit=y"
        is_on = conf.is_on("Provisioning.Enabled", otherwise=True)
        return (
            (Part.PROVISIONS, "Provisioning.Enabled=y") if is_on else (Part.NOTHING, "Provisioning.Enabled=n")
        )
    value = conf.value("Provisioning.Agent")
    word = "auto" if value is None else value
    because = f"Provisioning.Agent={word}"
    if word == "auto":
        return (Part.LEAVES_IT if _enables_cloud_init(view) else Part.PROVISIONS), because
    return {"waagent": Part.PROVISIONS, "cloud-init": Part.LEAVES_IT}.get(word, Part.NOTHING), because


def _enables_cloud_init(view: View) -> bool:
    return is_started(view, "cloud-init-local", "cloud-init")
