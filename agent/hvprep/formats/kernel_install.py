"""/etc/kernel/cmdline: the kernel command line that kernel-install writes into entries of new kernels.

Source: 90-loaderentry.install of systemd 252 and 257, 20-grub.install of Fedora. White space of any kind is
one gap, so the words may stand on several lines. systemd 257 leaves out lines that begin with `#`; 252 and
Fedora's script take the words in them for parameters: `has_comments` tells that this may matter.

>>> cmdline = parse('# mine\\nroot=UUID=1 ro\\nquiet\\n')
>>> cmdline.words, cmdline.has_comments
(('root=UUID=1', 'ro', 'quiet'), True)
>>> cmdline.edit_words(lambda words: [*words[:-1], 'console=ttyS0']).render()
'# mine\\nroot=UUID=1 ro console=ttyS0\\n\\n'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats import kernel_cmdline
from hvprep.formats.kernel_cmdline import WordEdit

#: No kernel takes as much; a longer text is refused.
LIMIT_CHARACTERS = 1 << 16

_COMMENT = re.compile(r"\s*#", re.A)


@dataclass(frozen=True)
class Cmdline:
    """The whole file: its lines with their ends."""

    lines: tuple[str, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    @property
    def has_comments(self) -> bool:
        """Whether a line begins with `#`, which versions of systemd read in different ways."""
        return any(_COMMENT.match(line) for line in self.lines)

    @property
    def words(self) -> tuple[str, ...]:
        """The kernel's words in all lines that are no comments."""
        return kernel_cmdline.parse("".join(self.lines[i] for i in self._places())).words

    def edit_words(self, edit: WordEdit) -> Cmdline:
        """With the words that `edit` makes of these. Those that stay keep their line and their gap.

        Raises FormatError where the words would not be read as they are.
        """
        wanted = tuple(edit(self.words))
        if wanted == self.words:
            return self
        places = self._places()
        lines = list(self.lines)
        if places:
            found = [kernel_cmdline.parse(lines[i]) for i in places]
            for i, line in zip(places, kernel_cmdline.spread_words(found, wanted)):
                lines[i] = line.render()
        else:
            glue = "\n" if lines and not lines[-1].endswith("\n") else ""
            lines.append(glue + kernel_cmdline.parse("\n").with_words(wanted).render())
        edited = parse("".join(lines))
        if edited.words != wanted:
            raise FormatError(
                "the words of /etc/kernel/cmdline cannot be edited by word",
                "Write them in one line, and close every double quote.",
            )
        return edited

    def _places(self) -> list[int]:
        return [i for i, line in enumerate(self.lines) if not _COMMENT.match(line)]


def parse(text: str) -> Cmdline:
    """The command line in `text`; `parse(text).render() == text`. Raises FormatError only for its length."""
    if len(text) > LIMIT_CHARACTERS:
        raise FormatError(f"/etc/kernel/cmdline has {len(text)} characters", "Look at it; it is one line.")
    return Cmdline(tuple(line for line in re.split(r"(?<=\n)", text) if line))
