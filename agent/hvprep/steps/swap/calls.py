"""Calls of swapon(8) in what boot runs: the script rc.local, and the commands of services.

Source: systemd-rc-local-generator(8), systemd.service(5). Scripts that these call in turn are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from hvprep.facts.services import find_service, is_started
from hvprep.facts.unit_lines import UnitLine
from hvprep.formats.shell_words import line_at
from hvprep.model.finding import Note, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.steps.swap.areas import is_temporary

_SCRIPTS = (GuestPath("/etc/rc.local"), GuestPath("/etc/rc.d/rc.local"))
_COMMANDS = ("ExecStartPre", "ExecStart", "ExecStartPost")
#: Comments, apart from what only looks like one within quotes.
_QUOTED_OR_COMMENT = re.compile(r"(\"[^\"\n]*\"|'[^'\n]*')|(?<!\S)#[^\n]*")
_CALL = re.compile(r"(?<![\w.-])swapon[ \t]+([^\n;&|()<>]+)")
_COMMAND_START = re.compile(r"[\n;&|(]")
#: Programs that take the words for text.
_NO_CALL = re.compile(r"(?<![\w/-])(?:echo|printf|logger|test|\[+)\s")


def find(view: View, lines: Iterable[UnitLine], places: Sequence[GuestPath]) -> Iterator[Note]:
    """A finding for each area that they swap to. `lines`: those of unit files that speak of swap; `places`
    are on the temporary disk."""
    for where, words in (*_in_scripts(view), *_in_services(view, lines)):
        for area in _areas(words):
            if is_temporary(area, places):
                continue
            call = f"{where}, calls `swapon {' '.join(words)}` at boot"
            if any(sign in area for sign in "$%*"):
                remedy = "take it out, if that is on the system's disk"
                yield Note(Verdict.NOT_ASSESSED, f"{call}: hvprep cannot tell what that is", remedy)
            else:
                remedy = f"take it out of {where}"
                yield Note(Verdict.UNMET, f"{call}: {area} counts as on the system's disk", remedy)


def _in_scripts(view: View) -> Iterator[tuple[str, Sequence[str]]]:
    """(where, arguments) in each that may be run."""
    service = find_service(view, "rc-local")
    if service is not None and service.masked_by is not None:
        return
    for path in sorted({view.resolve(each) for each in _SCRIPTS}):
        node = view.node(path)
        if node is not None and node.kind is Kind.FILE and node.mode & 0o111:
            text = (view.read(path) or b"").decode("utf-8", "replace")
            yield from ((f"{path}, line {number}", words) for number, words in _find_calls(text))


def _in_services(view: View, lines: Iterable[UnitLine]) -> Iterator[tuple[str, Sequence[str]]]:
    """The same in the commands of services that boot starts."""
    for line in lines:
        calls = list(_find_calls(line.entry.value)) if line.entry.key in _COMMANDS else []
        if calls and is_started(view, line.unit):
            yield from ((line.where, words) for _, words in calls)


def _find_calls(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    r"""The number of the line and the arguments of each call in a text of sh.

    >>> list(_find_calls("#swapon /a\n[ -x /sbin/swapon ] && sh -c 'swapon -p 5 \"/b\"' # swapon /c"))
    [(2, ['-p', '5', '/b'])]
    """
    plain = text.replace("\\\n", "  ").replace("`", "$")
    plain = _QUOTED_OR_COMMENT.sub(lambda match: match[1] or " " * len(match[0]), plain)
    for match in _CALL.finditer(plain):
        before = _COMMAND_START.split(plain[: match.start()])[-1]
        if _NO_CALL.search(before) is None:
            yield line_at(text, match.start()), re.sub(r"[\"'\\]", "", match[1]).split()


def _areas(words: Sequence[str]) -> Iterator[str]:
    """What is swapped to, by the arguments of swapon; a number is a priority, or a descriptor."""
    for before, word in zip(("", *words), words):
        if not word.startswith("-") and not word.isdigit() and before not in ("-o", "--options"):
            yield word
