"""kernel_cmdline of dracut.conf(5): the command line of the unified kernel images that dracut makes.

(Where kernel-install calls it, /etc/kernel/cmdline is handed over.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hvprep.errors import in_file
from hvprep.facts.tools import find_program
from hvprep.formats import default_grub
from hvprep.formats.default_grub import DefaultGrub, quote_words
from hvprep.model.change import Write
from hvprep.model.finding import Note, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.rules import EntryRules

_NAME = "kernel_cmdline"
_MAIN = GuestPath("/etc/dracut.conf")
#: Read after it, in the order of the names; one in /etc masks its namesake.
_DIRECTORIES = ("/usr/lib/dracut/dracut.conf.d", "/etc/dracut.conf.d")

Files = Mapping[GuestPath, DefaultGrub]


def plan_dracut_cmdline(view: View, rules: EntryRules) -> Iterator[Write | Note]:
    """The changes after which the images that dracut makes have what `rules` ask for; nothing where dracut is
    not told a command line at all. Raises FormatError."""
    files = _read(view) if find_program(view, "dracut") is not None else {}
    words = _words(files)
    if not words or not rules.problems(words):
        return
    after = dict(files)
    own = [path for path, text in files.items() if path.is_relative_to("/etc") and text.assignments(_NAME)]
    for path in own:
        with in_file(path):
            after[path] = files[path].remove_words(_NAME, rules.is_unwanted)
    if own:
        line = f'{_NAME}+=" {quote_words(rules.words)} "'
        after[own[-1]] = after[own[-1]].append_line(line)
    if rules.problems(_words(after)):
        yield Note(
            Verdict.UNMET,
            f"{_NAME} of dracut.conf is not what one file in /etc says",
            f"set it once, in a file of {_DIRECTORIES[-1]} that is read last, with: {' '.join(rules.words)}",
        )
        return
    for path in own:
        content = after[path].render().encode("utf-8", "surrogateescape")
        yield Write(path, content, "the unified kernel images that dracut makes get the parameters too")


def _read(view: View) -> dict[GuestPath, DefaultGrub]:
    """In the order in which they are sourced."""
    drop_ins = {path.name: path for each in _DIRECTORIES for path in view.glob(f"{each}/*.conf")}
    files = {}
    for path in (_MAIN, *(drop_ins[name] for name in sorted(drop_ins))):
        content = view.read(path)
        if content is not None:
            with in_file(path):
                files[path] = default_grub.parse(content.decode("utf-8", "surrogateescape"), is_bash=True)
    return files


def _words(files: Files) -> tuple[str, ...]:
    return default_grub.evaluate([*files.values()], [_NAME])[_NAME].words
