"""What Debian's update-grub of grub-legacy reads from menu.lst: comments like `# kopt=root=/dev/sda1 ro`.

Source: GetMenuOpts() of update-grub in Debian's package grub-legacy; Ubuntu's grub-legacy-ec2 has the same.
The options stand between two markers; update-grub makes the stanzas there anew from them for each kernel:
an edit of the stanzas alone does not last, one of the options alone comes with the next kernel.

>>> options = parse('### BEGIN AUTOMAGIC KERNELS LIST\\n## e.g. kopt=a\\n# kopt=root=/dev/sda1 ro\\n').options
>>> options[0].name, options[0].words
('kopt', ('root=/dev/sda1', 'ro'))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats import kernel_cmdline

BEGIN, END = "### BEGIN AUTOMAGIC KERNELS LIST", "### END DEBIAN AUTOMAGIC KERNELS LIST"

#: Those with words for Linux; `xenhopt` has words for the hypervisor, `groot` a device.
_OPTION = re.compile(r"# (kopt(?:_\w+)?|defoptions|altoptions|xenkopt)=", re.A)
_SUFFIX = re.compile(r"[ \t]*\([^()\n]*\)[ \t]*")


@dataclass(frozen=True)
class Option:
    """One option, in a line counted from 1: `kopt`, `kopt_2_6_32`, `defoptions`, `altoptions` or `xenkopt`.

    `suffix` is what `altoptions` adds to the title, in parentheses, with the space around it.
    """

    line: int
    name: str
    suffix: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Automagic:
    """A menu.lst: its lines with their ends, and the options in them in order, if it has the markers."""

    lines: tuple[str, ...]
    options: tuple[Option, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def edit_words(self, edit: Callable[[Option], Sequence[str]]) -> Automagic:
        """With the words that `edit` returns for each option, which may be those that it has.

        Raises FormatError where they would not be read as they are.
        """
        lines = list(self.lines)
        wanted = [tuple(edit(option)) for option in self.options]
        for option, words in zip(self.options, wanted):
            if words != option.words:
                text = lines[option.line - 1]
                start = text.index("=") + 1 + len(option.suffix)
                new = kernel_cmdline.parse(text[start:]).with_words(words).render()
                glue = " " if text[start - 1] == ")" and words and not new[0].isspace() else ""
                lines[option.line - 1] = text[:start] + glue + new
        edited = parse("".join(lines))
        if [option.words for option in edited.options] != wanted or len(edited.lines) != len(lines):
            raise FormatError(
                "the options for update-grub in menu.lst cannot be edited by word",
                "Close every double quote in the `# kopt=` lines.",
            )
        return edited


def parse(text: str) -> Automagic:
    """The menu.lst in `text`. Every text is one; `parse(text).render() == text`."""
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    found = []
    is_inside = False
    for number, line in enumerate(lines, 1):
        is_inside = line.startswith(BEGIN) or (is_inside and not line.startswith(END))
        match = _OPTION.match(line) if is_inside else None
        if match:
            has_suffix = _SUFFIX.match(line, match.end()) if match[1] == "altoptions" else None
            suffix = has_suffix[0] if has_suffix else ""
            words = kernel_cmdline.parse(line[match.end() + len(suffix) :]).words
            found.append(Option(number, match[1], suffix, words))
    return Automagic(lines, tuple(found))
