"""/etc/default/grub and /etc/default/grub.d/*.cfg, and other settings that a shell sources.

Edits the kernel command lines in them by word, and tells what the variables hold in the end; runs nothing.

>>> grub = parse('GRUB_CMDLINE_LINUX="quiet ro"  # mine')
>>> grub.remove_words('GRUB_CMDLINE_LINUX', lambda word: word == 'quiet').render()
'GRUB_CMDLINE_LINUX="ro"  # mine'
>>> evaluate([grub, parse('GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX a=$B"')], ['GRUB_CMDLINE_LINUX'])
{'GRUB_CMDLINE_LINUX': Value(text='quiet ro a=$B', words=('quiet', 'ro', 'a=$B'), certain=False)}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats.kernel_cmdline import word_spans
from hvprep.formats.shell_assignments import Assignment, find_assignments
from hvprep.formats.shell_words import LIMIT_CHARACTERS, Piece, read_word, split_units, split_words

_REFERENCE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])(.*))?\})", re.S | re.A)


@dataclass(frozen=True)
class Value:
    """What a variable holds after the files were sourced; opaque pieces as they are written.

    `certain` is False where a condition, an opaque piece or a command like `.` or `eval` took part.
    """

    text: str
    words: tuple[str, ...]
    certain: bool


@dataclass(frozen=True)
class DefaultGrub:
    """One settings file: its text, and the assignments in it, in order.

    `disturbed` tells that commands stand in it which may alter variables out of this reader's sight.
    """

    text: str
    all_assignments: tuple[Assignment, ...]
    disturbed: bool
    is_bash: bool = False

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return self.text

    def assignments(self, name: str) -> tuple[Assignment, ...]:
        """Every assignment of that variable, conditional ones too."""
        return tuple(found for found in self.all_assignments if found.name == name)

    def remove_words(self, name: str, unwanted: Callable[[str], bool]) -> DefaultGrub:
        """Without the kernel words that `unwanted` accepts in every assignment of that variable.

        Only whole literal words go, each with the gap before it; a word that touches an opaque piece stays,
        and so do quotes and comments. Raises FormatError where what is left would read as something else.
        """
        found = self.assignments(name)
        kept_text = []
        position = 0
        for start, end in (cut for each in found for cut in _cuts(each.pieces, unwanted)):
            kept_text.append(self.text[position:start])
            position = end
        edited = parse("".join(kept_text) + self.text[position:], self.is_bash)
        for before, after in zip(found, edited.assignments(name)):
            kept = [word for word in split_words(before.pieces) if not _is_removed(word, unwanted)]
            if _readings(kept) != _readings(split_words(after.pieces)):
                raise FormatError(
                    f"the value of {name} in line {before.line} cannot be edited by word",
                    "Write the value in one pair of double quotes.",
                )
        return edited

    def append_line(self, line: str) -> DefaultGrub:
        """With one more line at the end of the file, after a final newline where that was missing."""
        glue = "" if self.text.endswith("\n") or not self.text else "\n"
        if (self.text + glue).endswith("\\\n"):
            glue += "\n"  # the end of the file continues the last line: an empty line ends it
        return parse(f"{self.text}{glue}{line}\n", self.is_bash)

    def append_assignment(self, name: str, words: Iterable[str]) -> DefaultGrub:
        """With a last line that adds `words` to what the variable holds then.

        >>> parse('A="x"').append_assignment('A', ['y', 'z']).render()
        'A="x"\\nA="$A y z"\\n'
        """
        return self.append_line(f'{name}="${name} {quote_words(words)}"')


def parse(text: str, is_bash: bool = False) -> DefaultGrub:
    """The settings file in `text`; `parse(text).render() == text`. Raises FormatError as `find_assignments`
    does."""
    return DefaultGrub(text, *find_assignments(text, is_bash), is_bash)


def evaluate(files: Sequence[DefaultGrub], names: Sequence[str]) -> dict[str, Value]:
    """What the variables `names` hold after sh sourced `files` in that order.

    `names` are taken to be unset before. References to variables of these files and of `names` are followed,
    the others stay. A conditional assignment counts as one that took effect, and makes the value uncertain.
    """
    known: dict[str, tuple[Sequence[Piece], bool]] = dict.fromkeys(names, ((), True))
    for assignment in (each for file in files for each in file.all_assignments):
        before = (Piece(f"${assignment.name}", True),) if assignment.appends else ()
        pieces, certain = _expand((*before, *assignment.pieces), known)
        certain = certain and not assignment.conditional and not assignment.appends
        known[assignment.name] = (pieces, certain)
    disturbed = any(file.disturbed for file in files)
    return {name: _value(*known[name], disturbed) for name in names}


def quote_words(words: Iterable[str]) -> str:
    """The words with spaces between, fit for the inside of double quotes in sh.

    >>> print(quote_words(['quiet', 'dyndbg="file x +p"', 'a=$b']))
    quiet dyndbg=\\"file x +p\\" a=\\$b
    """
    return re.sub(r'(["$`\\])', r"\\\1", " ".join(words))


def _value(pieces: Sequence[Piece], certain: bool, disturbed: bool) -> Value:
    words = tuple("".join(unit.text for unit in word) for word in split_words(pieces))
    opaque = any(piece.opaque for piece in pieces)
    return Value("".join(piece.text for piece in pieces), words, certain and not opaque and not disturbed)


def _expand(
    pieces: Sequence[Piece], known: Mapping[str, tuple[Sequence[Piece], bool]], depth: int = 0
) -> tuple[Sequence[Piece], bool]:
    """The pieces with references to known variables replaced, and whether all of those were certain."""
    result: list[Piece] = []
    certain = True
    size = 0
    for piece in pieces:
        new: Sequence[Piece] = (Piece(piece.text, piece.opaque, 0, len(piece.text)),)
        match = _REFERENCE.fullmatch(piece.text) if piece.opaque and depth < 8 else None
        value, sure = known.get((match[1] or match[2]) if match else "", (None, True))
        if match and value is not None:
            filled = any(not part.opaque for part in value)
            wording = match[4] or ""
            if match[3] is None or (match[3] == "-" and filled):
                new = value
            elif (filled or not value) and not re.search(r"['\"]|\\\}", wording):
                wanted = filled == (match[3] == "+")
                new, inner = (
                    _expand(read_word(f'"{wording}"', 0).pieces, known, depth + 1) if wanted else ((), True)
                )
                sure = sure and inner
        size += sum(len(part.text) for part in new)
        if size > LIMIT_CHARACTERS:
            return pieces, False
        result += new
        certain = certain and sure
    return result, certain


def _readings(words: Iterable[Sequence[Piece]]) -> list[list[tuple[str, bool]]]:
    return [[(unit.text, unit.opaque) for unit in word] for word in words]


def _is_removed(word: Sequence[Piece], unwanted: Callable[[str], bool]) -> bool:
    return not any(unit.opaque for unit in word) and unwanted("".join(unit.text for unit in word))


def _cuts(pieces: Iterable[Piece], unwanted: Callable[[str], bool]) -> list[tuple[int, int]]:
    """Where the unwanted words stand in the file, with the gap before each (after it, for leading ones)."""
    units = split_units(pieces)
    spans = word_spans([unit.text for unit in units])
    gone: list[Piece] = []
    end_before = 0
    leading = True
    for i, (start, end) in enumerate(spans):
        if _is_removed(units[start:end], unwanted):
            after = spans[i + 1][0] if i + 1 < len(spans) else len(units)
            gone += units[start:after] if leading else units[end_before:end]
        else:
            leading = False
        end_before = end
    return [(unit.start, unit.end) for unit in gone]
