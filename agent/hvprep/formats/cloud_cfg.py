"""The one word of cloud-init's configuration that hvprep asks for, without a YAML parser.

cloud-init itself (its ds-identify, a shell script that runs before Python is there) reads these files by
line too: tools/ds-identify, check_config.
"""

from __future__ import annotations

import re

_FLOW = re.compile(r"^datasource_list[ \t]*:\s*\[(?P<items>[^\]]*)\]", re.MULTILINE)
_BLOCK = re.compile(
    r"^datasource_list[ \t]*:[ \t]*(?:#[^\n]*)?\n(?P<items>(?:[ \t]*-[^\n]*(?:\n|\Z))+)", re.MULTILINE
)
_COMMENT = re.compile(r"(?:^|\s)#[^\n]*")


def parse_datasources(text: str) -> tuple[str, ...] | None:
    """The names in `datasource_list`, of which cloud-init tries no others; None where the file has no list.

    >>> parse_datasources("datasource_list: [ NoCloud, 'Azure', None ]  # mine\\n")
    ('NoCloud', 'Azure', 'None')
    >>> parse_datasources("users: []\\ndatasource_list:\\n  - Azure\\n  - None\\n")
    ('Azure', 'None')
    """
    flow, block = _FLOW.search(text), _BLOCK.search(text)
    if flow is not None:
        items = _COMMENT.sub("", flow["items"]).split(",")
    elif block is not None:
        items = [_COMMENT.sub("", line).strip().lstrip("-") for line in block["items"].splitlines()]
    else:
        return None
    return tuple(name for name in (item.strip(" \t\r\n'\"") for item in items) if name)
