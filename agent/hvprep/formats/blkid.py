r"""What `blkid -o export` writes: a NAME=value on each line (blkid(8)).

What is not printable ASCII comes as from `cat -v`, which cannot be undone: such a label can only be shown.

>>> parse_export('DEVNAME=/dev/sdb1\nLABEL=Temporary\\ Storage\\\\\nTYPE=ntfs\n')['LABEL']
'Temporary Storage\\'
"""

from __future__ import annotations

import re


def parse_export(text: str) -> dict[str, str]:
    """The values by name. Lines that are none, warnings among them, are passed over."""
    values = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals and re.fullmatch("[A-Z][A-Z0-9_]*", name):
            # A backslash stands before what a shell takes for itself (util-linux, blkid.c, safe_print).
            values[name] = re.sub(r"\\(.)", r"\1", value)
    return values
