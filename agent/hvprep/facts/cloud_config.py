"""What cloud-init is told on this system: /etc/cloud/cloud.cfg and cloud.cfg.d, merged as it merges them.

Source: read_conf_with_confd and mergemanydict of cloudinit/util.py. A later file wins, mappings are merged,
lists are not. Only the configuration of the image counts: not that of the kernel's command line or of /run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats.plain_yaml import Node, parse
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

_MAIN, _MORE = GuestPath("/etc/cloud/cloud.cfg"), GuestPath("/etc/cloud/cloud.cfg.d")
_LIMIT_BYTES = 1 << 20
#: Keys that change how files are found or merged; nobody was seen to use them there.
_OTHER_WAYS = ("conf_d", "merge_how", "merge_type")


@dataclass(frozen=True)
class CloudConfig:
    """The merged mapping; `setters` says which files set each of its keys, the one that counts last."""

    node: Node
    setters: Mapping[str, tuple[GuestPath, ...]]

    @property
    def sources(self) -> Mapping[str, GuestPath]:
        """The file that set each key last."""
        return {key: paths[-1] for key, paths in self.setters.items()}

    def get(self, *keys: str) -> Node | None:
        """The value below these keys, one in the other; None where there is none."""
        return self.node.get(*keys)

    @property
    def datasources(self) -> tuple[str, ...] | None:
        """The names in datasource_list, of which cloud-init tries no others; None where there is no list.

        Raises FormatError where it is no list of names.
        """
        node = self.get("datasource_list")
        if node is None or node.is_null or node.items == ():
            return None
        names = [item.scalar for item in node.items or () if item.scalar is not None]
        if node.items is None or len(names) < len(node.items):
            raise FormatError(
                f"{self.sources['datasource_list']}: datasource_list is no list of names",
                "write it as datasource_list: [ Azure ]",
            )
        return tuple(names)


def read_cloud_config(view: View) -> CloudConfig:
    """The merged configuration; an empty one where there are no files.

    Raises FormatError for a file that hvprep cannot read: any key may stand in it.
    """
    merged = Node(1, members=())
    setters: dict[str, tuple[GuestPath, ...]] = {}
    for path in config_files(view):
        found = read_config_file(view, path)
        merged = _merge(merged, found)
        setters.update((key, (*setters.get(key, ()), path)) for key in dict(found.members or ()))
    return CloudConfig(merged, setters)


def config_files(view: View) -> tuple[GuestPath, ...]:
    """The files in the order in which they are read: those of cloud.cfg.d by name, hidden ones too."""
    more = sorted({*view.glob(f"{_MORE}/*.cfg"), *view.glob(f"{_MORE}/.*.cfg")})
    return tuple(path for path in (_MAIN, *more) if _is_file(view, path))


def read_config_file(view: View, path: GuestPath) -> Node:
    """What one of the files says. Raises FormatError where that cannot be told."""
    try:
        text = (view.read(path, _LIMIT_BYTES) or b"").decode("utf-8")
        if text.lstrip().startswith("## template:"):
            raise FormatError("it is a template, which cloud-init fills in", "write out what it becomes")
        found = parse(text)
        if found.members is None and not found.is_null:
            raise FormatError("it is no mapping of keys to values", "cloud-init passes it over: so can you")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text in UTF-8", "see what is in it") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error.sentence}", error.hint) from error
    for key in _OTHER_WAYS:
        if found.get(key) is not None:
            raise FormatError(
                f"{path}: {key} changes which files count, or how they are merged", "do without"
            )
    return found


def _merge(node: Node, later: Node) -> Node:
    """`later` wins, but for mappings, which are merged down to their last keys."""
    merged = dict(node.members or ())
    for key, value in later.members or ():
        earlier = merged.get(key)
        is_both = earlier is not None and earlier.members is not None and value.members is not None
        merged[key] = _merge(earlier, value) if earlier is not None and is_both else value
    return Node(later.line, members=tuple(merged.items()))


def _is_file(view: View, path: GuestPath) -> bool:
    node = view.node(view.resolve(path))
    return node is not None and node.kind is Kind.FILE
