"""The kernel command line, split into words as the kernel does.

Source: next_arg() and parse_args() in lib/cmdline.c and kernel/params.c of Linux. ASCII white space separates
words, double quotes group, there are no escapes and single quotes mean nothing. `--` ends what the kernel
reads; the rest goes to init. `---` means nothing to the kernel, Debian's installer separates with it.

>>> line = parse('root=UUID=1  ro dyndbg="file x +p" -- single')
>>> line.words
('root=UUID=1', 'ro', 'dyndbg="file x +p"')
>>> line.append(['console=ttyS0']).render()
'root=UUID=1  ro dyndbg="file x +p" console=ttyS0 -- single'
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from hvprep.errors import FormatError

#: What isspace() of the kernel takes for white space (str.isspace knows more).
WHITE_SPACE = frozenset(" \t\n\v\f\r")

#: What x86 and arm64 read (COMMAND_LINE_SIZE of asm/setup.h, with the NUL at its end).
LIMIT_CHARACTERS = 2047

#: Takes the words of a kernel command line, and returns those that it should have, which may be the same.
WordEdit = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class CommandLine:
    """A command line: every word with the gap before it, and the gap after the last. Nothing is lost."""

    parts: tuple[tuple[str, str], ...]
    tail: str

    @property
    def words(self) -> tuple[str, ...]:
        """The words that the kernel reads: those before `--`."""
        return tuple(word for _, word in self.parts[: self._end()])

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(gap + word for gap, word in self.parts) + self.tail

    def remove(self, unwanted: Callable[[str], bool]) -> CommandLine:
        """Without the kernel's words that `unwanted` accepts.

        >>> parse('quiet  ro').remove(lambda word: word == 'quiet').render()
        'ro'
        """
        end = self._end()
        kept = [part for i, part in enumerate(self.parts) if i >= end or not unwanted(part[1])]
        return self._with(kept)

    def append(self, words: Iterable[str]) -> CommandLine:
        """With `words` at the end of the kernel's words: before a `--` or `---`, and before a word whose
        quote is never closed, which would swallow them.

        Raises FormatError where one of `words` would not be exactly one word.
        """
        at = self._end()
        texts = [word for _, word in self.parts[:at]]
        if "---" in texts:
            at = texts.index("---")
        elif texts and not _is_closed(texts[-1]):
            at -= 1
        return self._insert(self.parts, at, words)

    def replace(self, unwanted: Callable[[str], bool], words: Iterable[str]) -> CommandLine:
        """With `words` where the last word that `unwanted` accepts stood, and none of the others; appended
        where there was none. Doing it twice is doing it once if `unwanted` accepts all of `words`.

        >>> parse('a=1 ro a=2 quiet').replace(is_named('a'), ['a=3', 'a=4']).render()
        'ro a=3 a=4 quiet'
        """
        hits = [i for i, word in enumerate(self.words) if unwanted(word)]
        if not hits:
            return self.append(words)
        kept = [part for i, part in enumerate(self.parts) if i not in set(hits)]
        return self._insert(kept, hits[-1] - len(hits) + 1, words)

    def with_words(self, words: Sequence[str]) -> CommandLine:
        """With these as the kernel's words: those that stay, in their order, keep the gap before them.

        Raises FormatError where they would not be read as they are.

        >>> parse('root=1  ro\\tquiet -- x').with_words(['root=1', 'new', 'quiet']).render()
        'root=1 new\\tquiet -- x'
        """
        end = self._end()
        new: list[tuple[str, str]] = []
        for word, at in zip(words, _follow(self.words, words)):
            new.append((" ", _checked(word)) if at is None else self.parts[at])
        edited = self._with([*new, *self.parts[end:]])
        if parse(edited.render()).words != tuple(words):
            raise FormatError(
                f"the kernel would not read {' '.join(words)!r} as these words",
                "Close every double quote, and leave `--` where it is.",
            )
        return edited

    def _end(self) -> int:
        for i, (_, word) in enumerate(self.parts):
            if word in ("--", '"--"'):
                return i
        return len(self.parts)

    def _insert(self, parts: Sequence[tuple[str, str]], at: int, words: Iterable[str]) -> CommandLine:
        new = [(" ", _checked(word)) for word in words]
        return self._with([*parts[:at], *new, *parts[at:]])

    def _with(self, parts: Sequence[tuple[str, str]]) -> CommandLine:
        """These parts, the leading gap as it was, and a gap between all the others."""
        lead = self.parts[0][0] if self.parts else ""
        spaced = [(lead if i == 0 else gap or " ", word) for i, (gap, word) in enumerate(parts)]
        return replace(self, parts=tuple(spaced))


def parse(text: str) -> CommandLine:
    """The command line in `text`. Every text is one; `parse(text).render() == text`."""
    parts = []
    start = 0
    for begin, end in word_spans(text):
        parts.append((text[start:begin], text[begin:end]))
        start = end
    return CommandLine(tuple(parts), text[start:])


def spread_words(lines: Sequence[CommandLine], words: Sequence[str]) -> tuple[CommandLine, ...]:
    """The lines of a command line that is written on several, with `words` in place of all of theirs.

    A word that stays, in its order, stays in its line; a new one joins the one before it. What comes after
    a line with `--` is for init, and left alone. Raises FormatError as `with_words` does.

    >>> [line.render() for line in spread_words([parse('a b'), parse('c')], ['a', 'c', 'd'])]
    ['a', 'c d']
    """
    last = next((i for i, line in enumerate(lines) if line._end() < len(line.parts)), len(lines) - 1)
    places = [i for i, line in enumerate(lines[: last + 1]) for _ in line.words]
    texts = [word for line in lines[: last + 1] for word in line.words]
    shares: list[list[str]] = [[] for _ in lines[: last + 1]]
    place = 0
    for word, at in zip(words, _follow(texts, words)):
        place = place if at is None else places[at]
        shares[place].append(word)
    edited = [line.with_words(share) for line, share in zip(lines, shares)]
    return (*edited, *lines[last + 1 :])


def _follow(before: Sequence[str], words: Sequence[str]) -> list[int | None]:
    """For each word its place in `before`, where one can be found after that of the word in front of it."""
    places: dict[str, list[int]] = {}
    for i, word in enumerate(before):
        places.setdefault(word, []).append(i)
    found: list[int | None] = []
    start = 0
    for word in words:
        candidates = places.get(word, [])
        first = bisect_left(candidates, start)
        at = candidates[first] if first < len(candidates) else None
        start = start if at is None else at + 1
        found.append(at)
    return found


def word_spans(characters: Sequence[str]) -> list[tuple[int, int]]:
    """Where the words begin and end in a text, or in a sequence of pieces of text none of which is split.

    >>> word_spans(' a "b c"')
    [(1, 2), (3, 8)]
    """
    spans: list[tuple[int, int]] = []
    begin: int | None = None
    quoted = False
    for i, character in enumerate(characters):
        if character in WHITE_SPACE and not quoted:
            if begin is not None:
                spans.append((begin, i))
            begin = None
            continue
        if begin is None:
            begin = i
        if character == '"':
            quoted = not quoted
    if begin is not None:
        spans.append((begin, len(characters)))
    return spans


def length_of(words: Iterable[str]) -> int:
    """How many bytes the kernel gets: each word, and a blank before all but the first.

    >>> length_of(["root=UUID=1", "ro"])
    14
    """
    return len(" ".join(words).encode("utf-8", "surrogateescape"))


def parameter_name(word: str) -> str:
    """The name that the kernel compares: before `=`, without a quote around the word, `-` as `_`.

    >>> parameter_name('nvme-core.io_timeout=240'), parameter_name('"a=b c"'), parameter_name('quiet')
    ('nvme_core.io_timeout', 'a', 'quiet')
    """
    return _split(word)[0].replace("-", "_")


def value_of(word: str) -> str | None:
    """The value as the kernel hands it on, without the quotes around it; None for a word without `=`.

    >>> value_of('dyndbg="file x +p"'), value_of('a='), value_of('quiet')
    ('file x +p', '', None)
    """
    return _split(word)[1]


def last_value(words: Iterable[str], name: str) -> str | None:
    """The value of the last of `words` with that parameter name, which wins for most parameters; None where
    no word has the name or the last one has no `=`.

    >>> last_value(['console=tty0', 'consoleblank=0', 'console=ttyS0'], 'console')
    'ttyS0'
    """
    values = [value_of(word) for word in words if parameter_name(word) == name.replace("-", "_")]
    return values[-1] if values else None


def is_named(name: str) -> Callable[[str], bool]:
    """A predicate: the word has this parameter name (never a part of one)."""
    wanted = name.replace("-", "_")
    return lambda word: parameter_name(word) == wanted


def _split(word: str) -> tuple[str, str | None]:
    body = word[1:] if word.startswith('"') else word
    equals = body.find("=", 1)  # next_arg() takes an `=` at 0 for a part of the name
    name = body if equals < 0 else body[:equals]
    value = None if equals < 0 else body[equals + 1 :]
    if value is not None and value.startswith('"'):
        value = value[1:-1] if value.endswith('"') and len(value) > 1 else value[1:]
    elif word.startswith('"') and body.endswith('"'):
        name, value = (name[:-1], None) if value is None else (name, value[:-1])
    return name, value


def _is_closed(word: str) -> bool:
    return word.count('"') % 2 == 0


def _checked(word: str) -> str:
    if word_spans(word) != [(0, len(word))] or not _is_closed(word):
        raise FormatError(
            f"{word!r} is not one word of a kernel command line",
            "Put double quotes around a value with spaces, and close them.",
        )
    return word
