"""Words added to an assignment that is there, for /etc/default/grub where no drop-ins are read.

grubby, Leapp, anaconda and many a script look for the one line GRUB_CMDLINE_LINUX="..." of EL and Fedora and
edit that: another line after it would do for sh, and not for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hvprep.formats import default_grub
from hvprep.formats.default_grub import DefaultGrub, quote_words

_PLAIN = re.compile(
    r"""(?P<name>\w+=)(?:"(?P<double>[^"$`\\\n]*)"|'(?P<single>[^'\n]*)')(?P<rest>[ \t]*(?:\#.*)?\n?)"""
)


def extend_last(text: DefaultGrub, name: str, words: Sequence[str]) -> DefaultGrub | None:
    """With `words` at the end of the last value of that variable, in its quotes; None where that is not plain
    text in one pair of quotes, in a line of its own that always counts."""
    found = text.assignments(name)
    if not found or found[-1].conditional or found[-1].appends:
        return None
    lines = text.render().splitlines(keepends=True)
    place = found[-1].line - 1
    match = _PLAIN.fullmatch(lines[place]) if place < len(lines) else None
    if match is None or match["name"] != f"{name}=":
        return None
    quote = '"' if match["double"] is not None else "'"
    value = match["double"] if quote == '"' else match["single"]
    added = quote_words(words) if quote == '"' else " ".join(words)
    if quote == "'" and quote in added:
        return None
    gap = " " if value and not value[-1].isspace() else ""
    lines[place] = f"{match['name']}{quote}{value}{gap}{added}{quote}{match['rest']}"
    return default_grub.parse("".join(lines))
