"""From /etc/hvprep.conf and its drop-ins to Settings.

The files read like waagent.conf, so that people who know that one know ours. Unlike waagent, hvprep passes
over nothing that it does not understand and replaces nothing by a default: every such line is an error.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from hvprep.errors import HvprepError, UsageError
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.settings.forms import shown
from hvprep.settings.table import TABLE, Settings

MAIN_FILE = GuestPath("/etc/hvprep.conf")
DROP_INS = "/etc/hvprep.conf.d/*.conf"

#: No settings file is larger than this.
LIMIT_BYTES = 1024 * 1024

#: Keys that hvprep will honour under the same name, once it does what they are about.
_LATER = frozenset(
    [
        "Provisioning.Agent",
        "Provisioning.DeleteRootPassword",
        "Provisioning.RegenerateSshHostKeyPair",
        "Provisioning.SshHostKeyPairType",
        "Provisioning.MonitorHostName",
        "Provisioning.MonitorHostNamePeriod",
        "Provisioning.DecodeCustomData",
        "Provisioning.ExecuteCustomData",
        "Provisioning.PasswordCryptId",
        "Provisioning.PasswordCryptSaltLength",
        "Provisioning.AllowResetSysUser",
        "ResourceDisk.Format",
        "ResourceDisk.Filesystem",
        "ResourceDisk.MountPoint",
        "ResourceDisk.MountOptions",
        "ResourceDisk.EnableSwap",
        "ResourceDisk.SwapSizeMB",
    ]
)

#: The other keys of waagent.conf (WALinuxAgent 2.15, common/conf.py and the conf files that it ships).
_WAAGENT = frozenset(
    [
        "Provisioning.Enabled",
        "Provisioning.UseCloudInit",
        "LBProbeResponder",
        "ResourceDisk.EnableSwapEncryption",
        "Extensions.Enabled",
        "Extensions.GoalStatePeriod",
        "Extensions.InitialGoalStatePeriod",
        "Extensions.WaitForCloudInit",
        "Extensions.WaitForCloudInitTimeout",
        "OS.RootDeviceScsiTimeout",
        "OS.RootDeviceScsiTimeoutPeriod",
        "OS.OpensslPath",
        "OS.SshDir",
        "OS.SshClientAliveInterval",
        "OS.HomeDir",
        "Home.Dir",
        "OS.PasswordPath",
        "OS.SudoersDir",
        "OS.EnableFirewall",
        "OS.EnableFirewallPeriod",
        "OS.RemovePersistentNetRulesPeriod",
        "OS.MonitorDhcpClientRestartPeriod",
        "OS.EnableFIPS",
        "OS.AllowHTTP",
        "OS.EnableRDMA",
        "OS.UpdateRdmaDriver",
        "OS.CheckRdmaDriver",
        "Protocol.EndpointDiscovery",
        "HttpProxy.Host",
        "HttpProxy.Port",
        "DetectScvmmEnv",
        "Lib.Dir",
        "DVD.MountPoint",
        "Pid.File",
        "Extension.LogDir",
        "Logs.Verbose",
        "Logs.Console",
        "Logs.Collect",
        "Logs.CollectPeriod",
        "AutoUpdate.Enabled",
        "AutoUpdate.UpdateToLatestVersion",
        "AutoUpdate.GAFamily",
        "Autoupdate.Frequency",
        "EnableOverProvisioning",
        "CGroups.Enabled",
        "Monitor.NetworkConfigurationChanges",
        "Policy.PolicyFilePath",
    ]
)

_BY_KEY = {setting.key: setting for setting in TABLE}


class SettingsError(UsageError):
    """A settings file does not read. The sentence names file, line and key, and what was expected."""


def load(view: View) -> Settings:
    """The settings of the machine: the main file, then the drop-ins by name; what comes later wins.

    Lines are `Key.Sub=value`. A `#` at the start of a line, or after white space in a value that stands in
    no quotes, begins a comment. Double quotes around a value, blanks around the `=`, a byte order mark and
    CRLF are allowed. A link to /dev/null reads as an empty file, as systemd's do.

    Raises SettingsError for anything else: an unknown key, a value that is not of the key's form, a key twice
    in one file, a line without `=`, text that is not UTF-8, a file that is none or that cannot be read.
    """
    try:
        drop_ins = view.glob(DROP_INS)
    except OSError as error:
        raise SettingsError(f"{DROP_INS} cannot be read: {error.strerror}") from error
    values: dict[str, Any] = {}
    for path in (MAIN_FILE, *sorted(drop_ins)):
        values.update(_read_file(path, _content(view, path)))
    return Settings(**values)


def _content(view: View, path: GuestPath) -> bytes:
    try:
        node = view.node(path)
        if node is None or node.target == "/dev/null":
            return b""
        content = view.read(path, LIMIT_BYTES)
    except OSError as error:
        raise SettingsError(f"{_name(path)} cannot be read: {error.strerror}") from error
    except HvprepError as error:
        raise SettingsError(error.sentence, error.hint) from error
    if content is None:
        raise SettingsError(f"{_name(path)} is not a file", "remove it, or link it to /dev/null")
    return content


def _name(path: GuestPath) -> str:
    # A name may hold bytes that are no UTF-8; they must not break the report that quotes it.
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def _read_file(path: GuestPath, content: bytes) -> dict[str, Any]:
    """Attribute names of Settings and their values. Raises SettingsError."""
    values: dict[str, Any] = {}
    first_line: dict[str, int] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        where = f"{_name(path)}, line {number}"
        text = _text(line[3:] if number == 1 and line.startswith(b"\xef\xbb\xbf") else line, where)
        if not text or text.startswith("#"):
            continue
        before, sign, after = text.partition("=")
        key = before.rstrip()
        if not sign:
            raise SettingsError(f"{where}: {shown(text)} is not KEY=VALUE", _nearest(key))
        if key not in _BY_KEY:
            raise _unknown_key(key, where)
        if key in first_line:
            raise SettingsError(
                f"{where}: {key} is set twice in this file, first in line {first_line[key]}",
                "keep one of the two",
            )
        first_line[key] = number
        values[_BY_KEY[key].attribute] = _value(key, after, where)
    return values


def _text(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{where}: the text is not UTF-8") from error


def _value(key: str, text: str, where: str) -> Any:
    form = _BY_KEY[key].form
    if text.lstrip().startswith('"'):
        value, closing, rest = text.lstrip()[1:].partition('"')
        if not closing or re.fullmatch(r"(\s+#.*|\s*)", rest, re.DOTALL) is None:
            raise SettingsError(f"{where}: {key} has double quotes that do not stand around its whole value")
    else:
        value = re.split(r"\s#", text, maxsplit=1)[0]
    try:
        return form.parse(value.strip())
    except ValueError as error:
        instead = str(error) or f"not {shown(value.strip())}"
        raise SettingsError(f"{where}: {key} takes {form.expected}, {instead}") from error


def _unknown_key(key: str, where: str) -> SettingsError:
    if key in _LATER:
        return SettingsError(
            f"{where}: {key} belongs to a part of hvprep that is not in this version",
            "take the line out for now",
        )
    if key in _WAAGENT or key.startswith("Debug."):
        return SettingsError(
            f"{where}: {key} is a key of waagent.conf that hvprep does not have", "take the line out"
        )
    return SettingsError(f"{where}: {shown(key)} is no key that hvprep knows", _nearest(key))


def _nearest(key: str) -> str:
    by_lower = {known.lower(): known for known in _BY_KEY}
    near = difflib.get_close_matches(key[:100].lower(), by_lower, n=1)
    listed = "hvprep.conf(5) lists all keys"
    return f"did you mean {by_lower[near[0]]}? {listed}" if near else listed
