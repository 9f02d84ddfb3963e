"""Edits /etc/default/grub and its drop-ins by word, so that grub-mkconfig writes what is wanted.

What has to go is taken out wherever it is assigned. Our words are added by lines that are read last and
start from the value before them, so that a word which the administrator adds later still counts; where no
drop-ins are read, to the last assignment itself if that is plain text (see grub_assignment.py). All
console= words move to GRUB_CMDLINE_LINUX: one in GRUB_CMDLINE_LINUX_DEFAULT would come after ours and win,
and recovery entries get GRUB_CMDLINE_LINUX only. Where the two variables for Xen hold anything, its entries
have them in place of those (20_linux_xen), and they are treated alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hvprep.errors import in_file
from hvprep.facts.tools import GrubTool
from hvprep.formats import default_grub
from hvprep.formats.default_grub import DefaultGrub, quote_words
from hvprep.formats.kernel_cmdline import parameter_name, value_of
from hvprep.model.change import Remove, Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.grub_assignment import extend_last
from hvprep.steps.boot.rules import EntryRules

DEFAULTS = GuestPath("/etc/default/grub")
DROP_INS = "/etc/default/grub.d/*.cfg"
LINUX, LINUX_DEFAULT = "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"
XEN, XEN_DEFAULT = "GRUB_CMDLINE_LINUX_XEN_REPLACE", "GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT"
#: Each variable that gets our words, with the one that comes after it in ordinary entries.
_PAIRS = ((LINUX, LINUX_DEFAULT), (XEN, XEN_DEFAULT))

_OWN_TAG = "  # added by hvprep"

Files = Mapping[GuestPath, DefaultGrub]
Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Own:
    """Lines of ours: a drop-in with one of these names, where each is read later than the one before it, or
    tagged lines at the end of /etc/default/grub, which set one of `variables`."""

    names: tuple[str, ...]
    heading: str
    variables: tuple[str, ...]


#: Ours is read last: the shell sorts the drop-ins by name.
_OWN = Own(
    ("99-hvprep.cfg", "zz-hvprep.cfg", "zzzz-hvprep.cfg"),
    "# Written by hvprep: the serial console of Hyper-V and Azure. Its console= has to be the last one.\n",
    (LINUX, XEN),
)


def plan_defaults(view: View, grub: GrubTool, rules: EntryRules) -> Iterator[Outcome]:
    """The changes after which the sourced files give every entry what `rules` ask for."""
    files = read_defaults(view, grub)
    if _is_satisfied(_evaluate(files), rules):
        return
    own, others = split_own(files, grub, _OWN)
    mains = _mains(_evaluate(files))
    edited = {path: _edit(path, text, rules) for path, text in others.items()}
    added = {main: (*_foreign_consoles(own, others, main, rules), *rules.words) for main in mains}
    lines = [f'{main}="${main} {quote_words(words)}"' for main, words in added.items()]

    def is_right(after: Files) -> bool:
        return not any(rules.problems(_evaluate(after)[main]) for main in mains)

    in_place = None if grub.sources_drop_ins else _extended(edited, added)
    after = in_place if in_place is not None and is_right(in_place) else None
    after = after or add_lines(edited, lines, grub, _OWN, is_right)
    if after is None:
        names = " or ".join(mains)
        yield Note(
            Verdict.UNMET,
            f"another file after ours sets {names} anew, so our words would be lost",
            f"make that file add to {names}, or give it a name that sorts before {_OWN.names[-1]}",
        )
        return
    yield from changes(files, after, lambda path: _why(path, others.get(path), after[path]))


def changes(files: Files, after: Files, why: Callable[[GuestPath], str]) -> Iterator[Write | Remove]:
    """What makes `after` of the files; a drop-in of ours that is not among them any more goes."""
    for path in sorted(after):
        if path not in files or after[path].render() != files[path].render():
            yield Write(path, after[path].render().encode("utf-8", "surrogateescape"), why(path))
    for path in files:
        if path not in after:
            yield Remove(path, f"{path} is ours, and another file is read after it")


def read_defaults(view: View, grub: GrubTool) -> dict[GuestPath, DefaultGrub]:
    """The files that grub-mkconfig sources. Raises FormatError, which names the file."""
    paths = [DEFAULTS, *(view.glob(DROP_INS) if grub.sources_drop_ins else ())]
    files = {}
    for path in paths:
        content = view.read(path)
        if content is None:
            continue
        with in_file(path):
            files[path] = default_grub.parse(content.decode("utf-8", "surrogateescape"))
    return files


def evaluate_defaults(files: Files, names: Sequence[str]) -> Values:
    """The words of the variables after all files were sourced: /etc/default/grub first."""
    order = sorted(files, key=lambda path: (path != DEFAULTS, path.name))
    values = default_grub.evaluate([files[path] for path in order], names)
    return {name: value.words for name, value in values.items()}


def split_own(files: Files, grub: GrubTool, ours: Own) -> tuple[DefaultGrub, dict[GuestPath, DefaultGrub]]:
    """(our own lines, everything else)."""
    others = dict(files)
    if grub.sources_drop_ins:
        own = [others.pop(path) for path in files if path.name in ours.names]
        return (own[0] if own else default_grub.parse("")), others
    text = files[DEFAULTS].render() if DEFAULTS in files else ""
    lines = text.splitlines(keepends=True)
    starts = tuple(f"{name}=" for name in ours.variables)
    tagged = [line for line in lines if line.rstrip().endswith(_OWN_TAG.strip()) and line.startswith(starts)]
    others[DEFAULTS] = default_grub.parse("".join(line for line in lines if line not in tagged))
    return default_grub.parse("".join(tagged)), others


def add_lines(
    files: Files, lines: Sequence[str], grub: GrubTool, ours: Own, is_right: Callable[[Files], bool]
) -> dict[GuestPath, DefaultGrub] | None:
    """The files with our lines where they are read last; None where something always comes after them."""
    if not grub.sources_drop_ins:
        text = files[DEFAULTS]
        for line in lines:
            text = text.append_line(line + _OWN_TAG)
        after = {**files, DEFAULTS: text}
        return after if is_right(after) else None
    for name in ours.names:
        own = default_grub.parse(ours.heading + "".join(f"{line}\n" for line in lines))
        after = {**files, GuestPath(DROP_INS).parent / name: own}
        if is_right(after):
            return after
    return None


def _extended(files: Files, added: Values) -> dict[GuestPath, DefaultGrub] | None:
    """The files with our words in the last assignment of each variable; None where one is not that plain."""
    text: DefaultGrub | None = files[DEFAULTS]
    for name, words in added.items():
        text = extend_last(text, name, words) if text is not None else None
    return {**files, DEFAULTS: text} if text is not None else None


def _evaluate(files: Files) -> Values:
    return evaluate_defaults(files, [name for pair in _PAIRS for name in pair])


def _mains(values: Values) -> tuple[str, ...]:
    return (LINUX, XEN) if values[XEN] else (LINUX,)


def _is_satisfied(values: Values, rules: EntryRules) -> bool:
    rest = [word for _, name in _PAIRS for word in values[name]]
    has_problem = any(rules.problems(values[main]) for main in _mains(values))
    return not has_problem and not any(_has_to_leave_default(word, rules) for word in rest)


def _has_to_leave_default(word: str, rules: EntryRules) -> bool:
    return rules.is_unwanted(word) or parameter_name(word) == "console"


def _why(path: GuestPath, before: DefaultGrub | None, after: DefaultGrub) -> str:
    old, new = _words(before), _words(after)
    gone, added = [word for word in old if word not in new], [word for word in new if word not in old]
    parts = [f"loses {' '.join(gone)}"] if gone else []
    parts += [f"adds {' '.join(added)}"] if added else []
    return f"{path} {' and '.join(parts) or 'is put in order'}"


def _words(text: DefaultGrub | None) -> tuple[str, ...]:
    """The words that are assigned to our variables, save references to their values before."""
    if text is None:
        return ()
    assignments = [each for pair in _PAIRS for name in pair for each in text.assignments(name)]
    return tuple(word for each in assignments for word in each.words if not word.startswith("$"))


def _foreign_consoles(own: DefaultGrub, others: Files, main: str, rules: EntryRules) -> tuple[str, ...]:
    """The console= words that move into our line: those of _DEFAULT, and those that moved before."""
    moved_before = [word for assignment in own.assignments(main) for word in assignment.words]
    words = [*moved_before, *_evaluate(others)[dict(_PAIRS)[main]]]
    consoles = [word for word in words if parameter_name(word) == "console" and value_of(word)]
    return tuple(dict.fromkeys(word for word in consoles if not rules.is_unwanted(word)))


def _edit(path: GuestPath, text: DefaultGrub, rules: EntryRules) -> DefaultGrub:
    with in_file(path):
        for main, rest in _PAIRS:
            text = text.remove_words(main, rules.is_unwanted)
            text = text.remove_words(rest, lambda word: _has_to_leave_default(word, rules))
        return text
