"""Arrays in settings that bash sources, like /etc/mkinitcpio.conf: `MODULES=(ext4 "hv_vmbus")`.

Source: the manual of bash, section Arrays, and mkinitcpio.conf(5). Plain strings of such a file are for
`default_grub` to edit.

>>> conf = add_words(parse('MODULES=(ext4)  # mine\\nHOOKS=(base udev)\\n'), 'MODULES', ['hv_vmbus', 'ext4'])
>>> print(conf.render(), end='')
MODULES=(ext4 hv_vmbus)  # mine
HOOKS=(base udev)
>>> evaluate([conf, parse('MODULES+=(nvme)')], 'MODULES')
Value(words=('ext4', 'hv_vmbus', 'nvme'), certain=True)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats import default_grub
from hvprep.formats.default_grub import DefaultGrub
from hvprep.formats.shell_assignments import Assignment

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,-]+")
#: What bash would expand, or take for a subscript.
_EXPANDED = re.compile(r"[*?\[\]{}]")


@dataclass(frozen=True)
class Value:
    """What a variable holds after the files were sourced; not `certain` where a condition took part."""

    words: tuple[str, ...]
    certain: bool


def parse(text: str) -> DefaultGrub:
    """The settings file in `text`, which bash sources. Raises FormatError."""
    return default_grub.parse(text, is_bash=True)


def evaluate(files: Sequence[DefaultGrub], name: str) -> Value:
    """What the variable holds after bash sourced `files` in that order; `name` is taken to be unset before.

    A conditional assignment counts as one that took effect. A string counts as its words, as mkinitcpio takes
    it; what bash does with one that an array meets is not for sure.
    """
    words: tuple[str, ...] = ()
    was_array: bool | None = None
    certain = not any(file.disturbed for file in files)
    for conf in files:
        for each in conf.assignments(name):
            is_array = each.array is not None
            words = (*words, *each.words) if each.appends else each.words
            is_known = not each.conditional and was_array in (None, is_array)
            certain = certain and is_known and _is_plain(conf, each)
            was_array = is_array
    return Value(words, certain)


def add_words(conf: DefaultGrub, name: str, words: Iterable[str]) -> DefaultGrub:
    """`conf` with those of `words` that the array does not have yet, at its end.

    They go into the last assignment if that always takes effect, else into a new last line. Raises
    FormatError where the variable is a string, or a word is not plain enough to stand without quotes.
    """
    before = evaluate([conf], name).words
    missing = [word for word in dict.fromkeys(words) if word not in _sure_words(conf, name)]
    if not missing:
        return conf
    found = conf.assignments(name)
    strings = [each.line for each in found if each.array is None]
    bad = [word for word in missing if not _PLAIN.fullmatch(word)]
    if strings or bad:
        raise FormatError(
            f"{bad[0]!r} is not a plain word" if bad else f"{name} is not an array in line {strings[0]}",
            f"Write {name} by hand, in the form {name}=(one two).",
        )
    array = found[-1].array if found and not found[-1].conditional else None
    if array is not None:
        gap = " " if array.words else ""
        edited = parse(f"{conf.text[: array.end]}{gap}{' '.join(missing)}{conf.text[array.end :]}")
    else:
        edited = conf.append_line(f"{name}+=({' '.join(missing)})")
    is_sure = _sure_words(edited, name).issuperset(missing)
    if not is_sure or evaluate([edited], name).words != (*before, *missing):
        raise FormatError(f"the array {name} cannot be edited by word", f"Edit {name} by hand.")
    return edited


def _is_plain(conf: DefaultGrub, assignment: Assignment) -> bool:
    """Whether its words are just text."""
    words = assignment.array.words if assignment.array is not None else ()
    pieces = (*assignment.pieces, *(piece for word in words for piece in word.pieces))
    return not any(piece.opaque for piece in pieces) and not any(
        _EXPANDED.search(conf.text, word.start, word.end) for word in words
    )


def _sure_words(conf: DefaultGrub, name: str) -> frozenset[str]:
    """The words that the array has whatever the conditions in the file turn out to be."""
    sure: frozenset[str] = frozenset()
    for each in conf.assignments(name):
        words = frozenset(each.words)
        if each.conditional:
            sure = sure if each.appends else sure & words
        else:
            sure = sure | words if each.appends else words
    return sure
