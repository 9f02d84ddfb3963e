"""Edits /etc/default/grub and its drop-ins by word, so that grub-mkconfig writes what is wanted.

What has to go is taken out wherever it is assigned. Our words are added by one line that is read last and
starts from the value before it, so that a word which the administrator adds later still counts. All
console= words move to GRUB_CMDLINE_LINUX: one in GRUB_CMDLINE_LINUX_DEFAULT would come after ours and win,
and recovery entries get GRUB_CMDLINE_LINUX only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hvprep.errors import FormatError
from hvprep.facts.tools import GrubTool
from hvprep.formats import default_grub
from hvprep.formats.default_grub import DefaultGrub, quote_words
from hvprep.formats.kernel_cmdline import parameter_name, value_of
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.rules import EntryRules

DEFAULTS = GuestPath("/etc/default/grub")
DROP_INS = "/etc/default/grub.d/*.cfg"
LINUX, LINUX_DEFAULT = "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"

#: Ours is read last: the shell sorts the drop-ins by name.
_OWN_NAMES = ("99-hvprep.cfg", "zz-hvprep.cfg", "zzzz-hvprep.cfg")
_OWN_HEADING = (
    "# Written by hvprep: the serial console of Hyper-V and Azure. Its console= has to be the last one.\n"
)
_OWN_TAG = "  # added by hvprep"

_Files = Mapping[GuestPath, DefaultGrub]


def plan_defaults(view: View, grub: GrubTool, rules: EntryRules) -> Iterator[Outcome]:
    """The changes after which the sourced files give every entry what `rules` ask for."""
    files = _read(view, grub)
    if _is_satisfied(_evaluate(files), rules):
        return
    own, others = _split(files, grub)
    consoles = _foreign_consoles(own, others, rules)
    edited = {path: _edit(path, text, rules) for path, text in others.items()}
    line = f'{LINUX}="${LINUX} {quote_words((*consoles, *rules.words))}"'
    after = _add_line(edited, line, grub, rules)
    if after is None:
        yield Note(
            Verdict.UNMET,
            f"another file after ours sets {LINUX} anew, so our words would be lost",
            f"make that file add to {LINUX}, or give it a name that sorts before {_OWN_NAMES[-1]}",
        )
        return
    for path in sorted(after):
        if path not in files or after[path].render() != files[path].render():
            why = _why(path, others.get(path), after[path])
            yield Write(path, after[path].render().encode("utf-8", "surrogateescape"), why)


def _read(view: View, grub: GrubTool) -> dict[GuestPath, DefaultGrub]:
    paths = [DEFAULTS, *(view.glob(DROP_INS) if grub.sources_drop_ins else ())]
    files = {}
    for path in paths:
        content = view.read(path)
        if content is None:
            continue
        try:
            files[path] = default_grub.parse(content.decode("utf-8", "surrogateescape"))
        except FormatError as error:
            raise FormatError(f"{path}: {error.sentence}", error.hint) from error
    return files


def _evaluate(files: _Files) -> Mapping[str, Sequence[str]]:
    """The words of both variables after all files were sourced: /etc/default/grub first."""
    order = sorted(files, key=lambda path: (path != DEFAULTS, path.name))
    values = default_grub.evaluate([files[path] for path in order], [LINUX, LINUX_DEFAULT])
    return {name: value.words for name, value in values.items()}


def _is_satisfied(values: Mapping[str, Sequence[str]], rules: EntryRules) -> bool:
    rest = values[LINUX_DEFAULT]
    return not rules.problems(values[LINUX]) and not any(_has_to_leave_default(word, rules) for word in rest)


def _has_to_leave_default(word: str, rules: EntryRules) -> bool:
    return rules.is_unwanted(word) or parameter_name(word) == "console"


def _split(files: _Files, grub: GrubTool) -> tuple[DefaultGrub, dict[GuestPath, DefaultGrub]]:
    """(our own line, everything else)."""
    others = dict(files)
    if grub.sources_drop_ins:
        own = [others.pop(path) for path in files if path.name in _OWN_NAMES]
        return (own[0] if own else default_grub.parse("")), others
    text = files[DEFAULTS].render() if DEFAULTS in files else ""
    lines = text.splitlines(keepends=True)
    ours = [line for line in lines if line.rstrip().endswith(_OWN_TAG.strip()) and line.startswith(LINUX)]
    others[DEFAULTS] = default_grub.parse("".join(line for line in lines if line not in ours))
    return default_grub.parse("".join(ours)), others


def _why(path: GuestPath, before: DefaultGrub | None, after: DefaultGrub) -> str:
    old, new = _words(before), _words(after)
    gone, added = [word for word in old if word not in new], [word for word in new if word not in old]
    parts = [f"loses {' '.join(gone)}"] if gone else []
    parts += [f"adds {' '.join(added)}"] if added else []
    return f"{path} {' and '.join(parts) or 'is put in order'}"


def _words(text: DefaultGrub | None) -> tuple[str, ...]:
    """The words that are assigned to both variables, save references to their values before."""
    assignments = [*text.assignments(LINUX), *text.assignments(LINUX_DEFAULT)] if text is not None else []
    return tuple(word for each in assignments for word in each.words if not word.startswith("$"))


def _foreign_consoles(own: DefaultGrub, others: _Files, rules: EntryRules) -> tuple[str, ...]:
    """The console= words that move into our line: those of _DEFAULT, and those that moved before."""
    moved_before = [word for assignment in own.assignments(LINUX) for word in assignment.words]
    words = [*moved_before, *_evaluate(others)[LINUX_DEFAULT]]
    consoles = [word for word in words if parameter_name(word) == "console" and value_of(word)]
    return tuple(dict.fromkeys(word for word in consoles if not rules.is_unwanted(word)))


def _edit(path: GuestPath, text: DefaultGrub, rules: EntryRules) -> DefaultGrub:
    try:
        text = text.remove_words(LINUX, rules.is_unwanted)
        return text.remove_words(LINUX_DEFAULT, lambda word: _has_to_leave_default(word, rules))
    except FormatError as error:
        raise FormatError(f"{path}: {error.sentence}", error.hint) from error


def _add_line(
    edited: dict[GuestPath, DefaultGrub], line: str, grub: GrubTool, rules: EntryRules
) -> dict[GuestPath, DefaultGrub] | None:
    """The files with our line where it is read last; None where something always comes after it."""
    if not grub.sources_drop_ins:
        files = {**edited, DEFAULTS: edited[DEFAULTS].append_line(line + _OWN_TAG)}
        return files if not rules.problems(_evaluate(files)[LINUX]) else None
    for name in _OWN_NAMES:
        own = GuestPath(DROP_INS).parent / name
        files = {**edited, own: default_grub.parse(f"{_OWN_HEADING}{line}\n")}
        if not rules.problems(_evaluate(files)[LINUX]):
            return files
    return None
