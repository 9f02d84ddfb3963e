"""What cloud-init is told on this system: /etc/cloud/cloud.cfg and cloud.cfg.d, merged as it merges them.

Source: read_conf_with_confd and mergemanydict of cloudinit/util.py. A later file wins, mappings are merged,
lists are not. Only the configuration of the image counts: not that of the kernel's command line or of /run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats.plain_yaml import Scalar, Value, parse
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

_MAIN, _MORE = GuestPath("/etc/cloud/cloud.cfg"), GuestPath("/etc/cloud/cloud.cfg.d")
_LIMIT_BYTES = 1 << 20
#: Keys that change how files are found or merged; nobody was seen to use them there.
_OTHER_WAYS = ("conf_d", "merge_how", "merge_type")


@dataclass(frozen=True)
class CloudConfig:
    """`values` by their keys; `sources` says which file set each of them last."""

    values: Mapping[str, Value]
    sources: Mapping[str, GuestPath]

    def find(self, *keys: str) -> Value | None:
        """The value below these keys, one in the other; None where there is none."""
        value: Value | None = dict(self.values)
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    @property
    def datasources(self) -> tuple[str, ...] | None:
        """The names in datasource_list, of which cloud-init tries no others; None where there is no list.

        Raises FormatError where it is no list of names.
        """
        value = self.find("datasource_list")
        if value is None or (isinstance(value, Scalar) and value.is_null) or value == []:
            return None
        if not isinstance(value, list) or not all(isinstance(name, Scalar) for name in value):
            raise FormatError(
                f"{self.sources['datasource_list']}: datasource_list is no list of names",
                "write it as datasource_list: [ Azure ]",
            )
        return tuple(name.text for name in value if isinstance(name, Scalar))


def read_cloud_config(view: View) -> CloudConfig:
    """The merged configuration; an empty one where there are no files.

    Raises FormatError for a file that hvprep cannot read: any key may stand in it.
    """
    values: dict[str, Value] = {}
    sources: dict[str, GuestPath] = {}
    for path in config_files(view):
        found = _read(view, path)
        values = _merge(values, found)
        sources.update(dict.fromkeys(found, path))
    return CloudConfig(values, sources)


def config_files(view: View) -> tuple[GuestPath, ...]:
    """The files in the order in which they are read: those of cloud.cfg.d by name, hidden ones too."""
    more = sorted({*view.glob(f"{_MORE}/*.cfg"), *view.glob(f"{_MORE}/.*.cfg")})
    return tuple(path for path in (_MAIN, *more) if _is_file(view, path))


def _read(view: View, path: GuestPath) -> dict[str, Value]:
    try:
        text = (view.read(path, _LIMIT_BYTES) or b"").decode("utf-8")
        if text.lstrip().startswith("## template:"):
            raise FormatError("it is a template, which cloud-init fills in", "write out what it becomes")
        found = parse(text)
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text in UTF-8", "see what is in it") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error.sentence}", error.hint) from error
    for key in _OTHER_WAYS:
        if key in found:
            raise FormatError(
                f"{path}: {key} changes which files count, or how they are merged", "do without"
            )
    return found


def _merge(values: Mapping[str, Value], later: Mapping[str, Value]) -> dict[str, Value]:
    """`later` wins, but for mappings, which are merged down to their last keys."""
    merged = dict(values)
    for key, value in later.items():
        earlier = merged.get(key)
        if isinstance(earlier, dict) and isinstance(value, dict):
            merged[key] = _merge(earlier, value)
        else:
            merged[key] = value
    return merged


def _is_file(view: View, path: GuestPath) -> bool:
    node = view.node(view.resolve(path))
    return node is not None and node.kind is Kind.FILE
