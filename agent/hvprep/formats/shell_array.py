"""Settings that bash sources and that hold arrays, like /etc/mkinitcpio.conf: `MODULES=(ext4 "hv_vmbus")`.

Source: the manual of bash, section Arrays, and mkinitcpio.conf(5). Words, quotes and grammar are read as in
`default_grub`, which knows all of sh but arrays; plain strings of such a file are for that module to edit.

>>> conf = parse('MODULES=(ext4)  # mine\\nHOOKS=(base udev)\\n').add_words('MODULES', ['hv_vmbus', 'ext4'])
>>> print(conf.render(), end='')
MODULES=(ext4 hv_vmbus)  # mine
HOOKS=(base udev)
>>> evaluate([conf, parse('MODULES+=(nvme)')], 'MODULES')
Value(words=('ext4', 'hv_vmbus', 'nvme'), certain=True)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats import default_grub
from hvprep.formats.default_grub import Token

_OPENING = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,-]+")
#: What bash would expand, or take for a subscript.
_EXPANDED = re.compile(r"[*?\[\]{}]")


@dataclass(frozen=True)
class Assignment:
    """One assignment that lasts: of an array, or of a string, whose words are split at white space.

    `conditional`: not at top level, so it may or may not take effect. `certain` is False where a word is not
    just text: it stands in `words` as it is written. `end` is where an array's last word ends in the file.
    """

    name: str
    line: int
    is_array: bool
    appends: bool
    conditional: bool
    words: tuple[str, ...]
    certain: bool
    end: int


@dataclass(frozen=True)
class Value:
    """What a variable holds after the files were sourced; not `certain` where a condition took part."""

    words: tuple[str, ...]
    certain: bool


@dataclass(frozen=True)
class ShellArrays:
    """One settings file: its text, and the assignments in it, in order.

    `disturbed` tells that commands stand in it which may alter variables out of this reader's sight.
    """

    text: str
    all_assignments: tuple[Assignment, ...]
    disturbed: bool

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return self.text

    def assignments(self, name: str) -> tuple[Assignment, ...]:
        """Every assignment of that variable, conditional ones too."""
        return tuple(found for found in self.all_assignments if found.name == name)

    def add_words(self, name: str, words: Iterable[str]) -> ShellArrays:
        """With those of `words` that the array does not have yet, at its end.

        They go into the last assignment if that always takes effect, else into a new last line. Raises
        FormatError where the variable is a string, or a word is not plain enough to stand without quotes.
        """
        before = evaluate([self], name).words
        missing = [word for word in dict.fromkeys(words) if word not in self._sure_words(name)]
        if not missing:
            return self
        found = self.assignments(name)
        strings = [each.line for each in found if not each.is_array]
        bad = [word for word in missing if not _PLAIN.fullmatch(word)]
        if strings or bad:
            raise FormatError(
                f"{bad[0]!r} is not a plain word" if bad else f"{name} is not an array in line {strings[0]}",
                f"Write {name} by hand, in the form {name}=(one two).",
            )
        if found and not found[-1].conditional:
            at = found[-1].end
            gap = " " if found[-1].words else ""
            edited = parse(f"{self.text[:at]}{gap}{' '.join(missing)}{self.text[at:]}")
        else:
            glue = "" if self.text.endswith("\n") or not self.text else "\n"
            glue += "\n" if (self.text + glue).endswith("\\\n") else ""
            edited = parse(f"{self.text}{glue}{name}+=({' '.join(missing)})\n")
        is_sure = edited._sure_words(name).issuperset(missing)
        if not is_sure or evaluate([edited], name).words != (*before, *missing):
            raise FormatError(f"the array {name} cannot be edited by word", f"Edit {name} by hand.")
        return edited

    def _sure_words(self, name: str) -> frozenset[str]:
        """The words that the array has whatever the conditions in the file turn out to be."""
        sure: frozenset[str] = frozenset()
        for each in self.assignments(name):
            words = frozenset(each.words)
            if each.conditional:
                sure = sure if each.appends else sure & words
            else:
                sure = sure | words if each.appends else words
        return sure


def parse(text: str) -> ShellArrays:
    """The settings file in `text`; `parse(text).render() == text`.

    Raises FormatError for an array that never ends or holds an operator of the shell, and for all that
    `default_grub.parse` refuses.
    """
    is_short = len(text) <= default_grub.LIMIT_CHARACTERS  # else default_grub says what is wrong
    arrays = {array.start: array for array in _arrays(text)} if is_short else {}
    flat = ""
    if arrays:  # to a reader that knows no arrays, each is one bare word
        ends = [0, *(array.end for array in arrays.values())]
        flat = "".join(
            text[end : each.start] + "x" * (each.end - each.start) for end, each in zip(ends, arrays.values())
        )
    flat += text[len(flat) :]
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    lines = [bisect_right(starts, match.start()) for match in re.finditer("(?m)^", flat)]
    strings = default_grub.parse(flat, appends=True)
    found = []
    for each in strings.all_assignments:
        start = each.pieces[0].start if each.pieces else -1
        written = arrays.get(start)
        known = (each.name, lines[each.line - 1], written is not None, each.appends, each.conditional)
        if written:
            found.append(Assignment(*known, written.words, written.is_plain, written.words_end))
        else:
            is_plain = not any(piece.opaque for piece in each.pieces)
            found.append(Assignment(*known, each.words, is_plain, 0))
    return ShellArrays(text, tuple(found), strings.disturbed)


def evaluate(files: Sequence[ShellArrays], name: str) -> Value:
    """What the variable holds after bash sourced `files` in that order; `name` is taken to be unset before.

    A conditional assignment counts as one that took effect. A string counts as its words, as mkinitcpio takes
    it; what bash does with one that an array meets is not for sure.
    """
    words: tuple[str, ...] = ()
    is_array: bool | None = None
    certain = not any(file.disturbed for file in files)
    for each in (found for file in files for found in file.assignments(name)):
        words = (*words, *each.words) if each.appends else each.words
        certain = certain and each.certain and not each.conditional and is_array in (None, each.is_array)
        is_array = each.is_array
    return Value(words, certain)


@dataclass(frozen=True)
class _Written:
    """`(...)` of an array, from its parenthesis to behind the other; the words end at `words_end`."""

    start: int
    end: int
    words: tuple[str, ...]
    words_end: int
    is_plain: bool


def _arrays(text: str) -> Iterator[_Written]:
    """Every `NAME=(...)`. A name and a parenthesis that are not one for bash are none for `parse` either."""
    stream = default_grub.tokens(text)
    before = None
    for token in stream:
        name = "".join(piece.text for piece in before.pieces) if before else ""
        if before and token.operator == "(" and token.start == before.end and _OPENING.fullmatch(name):
            yield _array(text, token, stream)
        before = token


def _array(text: str, opening: Token, stream: Iterator[Token]) -> _Written:
    words: list[Token] = []
    for token in stream:
        if token.operator == ")":
            end = words[-1].end if words else opening.end
            plain = not any(_EXPANDED.search(text, word.start, word.end) for word in words)
            opaque = any(piece.opaque for word in words for piece in word.pieces)
            texts = tuple("".join(piece.text for piece in word.pieces) for word in words)
            return _Written(opening.start, token.end, texts, end, plain and not opaque)
        if token.operator not in ("", "\n"):
            line = text.count("\n", 0, opening.start) + 1
            raise FormatError(
                f"the array that begins in line {line} has {token.operator!r} in it",
                "Put quotes around it, or close the array; bash does not take it as it is.",
            )
        if not token.operator:
            words.append(token)
    line = text.count("\n", 0, opening.start) + 1
    raise FormatError(
        f"the array that begins in line {line} never ends", "Close it; bash does not read the file as it is."
    )
