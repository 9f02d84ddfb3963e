"""A GRUB 2 grub.cfg, generated or written by hand: its menu entries, and edits of their kernel words.

>>> cfg = parse('menuentry "Linux" --id tux {\\n linux /vmlinuz ro quiet\\n initrd /initrd\\n}\\n')
>>> cfg.entries[0].title, cfg.entries[0].id, cfg.entries[0].linux.words, cfg.entries[0].linux.initrds
(('Linux',), 'tux', ('ro', 'quiet'), ('/initrd',))
>>> edited = edit_words(cfg, lambda entry, line: [*line.words, 'dyndbg="file x +p"'])
>>> edited.render().splitlines()[1]
' linux /vmlinuz ro quiet dyndbg="file x +p"'
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats.grub_menuentries import Entry, LinuxLine, read_entries
from hvprep.formats.grub_words import argument_of, kernel_word, quote_argument


@dataclass(frozen=True)
class GrubCfg:
    """The whole file: its text, and its menu entries in order."""

    text: str
    entries: tuple[Entry, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return self.text


def is_foreign(entry: Entry) -> bool:
    """Whether os-prober found the entry: it starts the system of another disk or partition."""
    return (entry.id or "").startswith("osprober-") or (entry.section or "").endswith("/30_os-prober")


def parse(text: str) -> GrubCfg:
    """The boot configuration in `text`; `parse(text).render() == text`. Raises FormatError as `read_entries`
    does."""
    return GrubCfg(text, read_entries(text))


def edit_words(cfg: GrubCfg, edit: Callable[[Entry, LinuxLine], Sequence[str]]) -> GrubCfg:
    """With the kernel words that `edit` returns for every `linux` line, which may be the words it has.

    Words that stay are left byte for byte, with the gap before them; new ones are quoted for GRUB, which gets
    to see them literally. Raises FormatError where a word is none, or GRUB could not hand it on.
    """
    lines = [(entry, line) for entry in cfg.entries for line in entry.linux_lines]
    wanted = [_canonical(line.words, edit(entry, line)) for entry, line in lines]
    text = cfg.text
    changed = [(line.spans, line, words) for (_, line), words in zip(lines, wanted) if words != line.words]
    for spans, line, words in sorted(changed, key=lambda each: each[0], reverse=True):
        text = text[: spans[0][1]] + _arguments(cfg.text, line, words) + text[spans[-1][1] :]
    edited = parse(text)
    if [line.words for entry in edited.entries for line in entry.linux_lines] != wanted:
        raise FormatError(
            "the kernel's words in grub.cfg cannot be edited by word", "Generate it anew with grub-mkconfig."
        )
    return edited


def _canonical(before: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    known = frozenset(before)
    return tuple(word if word in known else kernel_word(argument_of(word)) for word in words)


def _arguments(text: str, line: LinuxLine, words: Sequence[str]) -> str:
    """What stands after the kernel's path: gap and source of each word that stays, new words between."""
    source: dict[str, str] = {}
    places: dict[str, list[int]] = {}
    for i, word in enumerate(line.words):
        start, end = line.spans[i + 1]
        source.setdefault(word, text[start:end])
        places.setdefault(word, []).append(i)
    result = []
    after = 0
    for word in words:
        at = places.get(word, [])
        later = bisect_right(at, after - 1)
        if later < len(at):
            after = at[later] + 1
            result.append(text[line.spans[after - 1][1] : line.spans[after][1]])
        else:
            result.append(" " + (source.get(word) or quote_argument(argument_of(word))))
    return "".join(result)
