"""A Boot Loader Specification entry of type 1: loader/entries/NAME.conf, `key value` in each line.

Source: the specification (uapi-group.org), boot.c of systemd-boot and Fedora's blscfg.c for GRUB. The two
loaders differ on carriage returns, on a value in double quotes and on which of two equal keys counts: where
that matters the entry is refused. `options` and `initrd` may stand in several lines. A word with a GRUB
variable (`$kernelopts`, `$tuned_params`) stays as it is written; nothing here expands one.

>>> entry = parse('linux /vmlinuz-6.1\\ninitrd /i.img $tuned_initrd\\noptions root=a  ro $tuned_params\\n')
>>> entry.linux, entry.initrds, entry.options
('/vmlinuz-6.1', ('/i.img',), ('root=a', 'ro', '$tuned_params'))
>>> entry.edit_options(lambda words: [*words, 'console=ttyS0']).render().splitlines()[-1]
'options root=a  ro $tuned_params console=ttyS0'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats import kernel_cmdline
from hvprep.formats.kernel_cmdline import CommandLine, WordEdit

#: No entry is as long; a longer text is refused.
LIMIT_CHARACTERS = 1 << 16

_FIELD = re.compile(r"([ \t]*)([^ \t\n#][^ \t\n]*)([ \t]*)([^\n]*)")
#: Keys of which an entry has one; of two, GRUB takes the first and systemd-boot the last.
_SINGLE = frozenset(
    ("title", "version", "machine-id", "sort-key", "linux", "efi", "uki", "architecture", "devicetree")
)
_FILE_NAME = re.compile(
    r"(?P<token>[0-9a-f]{32}|[^-]+)-(?P<version>.+?)(?P<tries>\+[0-9]+(?:-[0-9]+)?)?\.conf", re.S
)


@dataclass(frozen=True)
class Field:
    """One `key value` line, counted from 1. The value is as it is written, without the space around it."""

    line: int
    key: str
    value: str


@dataclass(frozen=True)
class Entry:
    """The whole entry: its lines with their ends, and the fields in them in order."""

    lines: tuple[str, ...]
    fields: tuple[Field, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def values(self, key: str) -> tuple[str, ...]:
        """The values of all lines with that key."""
        return tuple(field.value for field in self.fields if field.key == key)

    def value(self, key: str) -> str | None:
        """The value of the first line with that key; None where there is none."""
        return next(iter(self.values(key)), None)

    @property
    def title(self) -> str | None:
        """What the menu shows."""
        return self.value("title")

    @property
    def version(self) -> str | None:
        """The version that the loader sorts by: the kernel's, or `0-rescue-...`."""
        return self.value("version")

    @property
    def machine_id(self) -> str | None:
        """The `machine-id` line, which kernel-install writes and Fedora's GRUB packages do not."""
        return self.value("machine-id")

    @property
    def linux(self) -> str | None:
        """The path of the kernel, as the loader sees it; None for an entry that starts something else."""
        return self.value("linux")

    @property
    def initrds(self) -> tuple[str, ...]:
        """The paths in all `initrd` lines, in order, without those that hold a GRUB variable."""
        return tuple(word for value in self.values("initrd") for word in value.split() if "$" not in word)

    @property
    def options(self) -> tuple[str, ...]:
        """The kernel's words in all `options` lines, in order."""
        return kernel_cmdline.parse(" ".join(self.values("options"))).words

    @property
    def variables(self) -> tuple[str, ...]:
        """Those words of `options` and `initrd` that hold a GRUB variable, as they are written."""
        initrds = [word for value in self.values("initrd") for word in value.split()]
        return tuple(word for word in (*self.options, *initrds) if "$" in word)

    def edit_options(self, edit: WordEdit) -> Entry:
        """With the words that `edit` makes of `options`. Words that stay keep their line and their gap.

        An `options` line that ends up empty goes (GRUB stops reading at a key without a value); where there
        is none, one is added below `linux`. Raises FormatError where the loaders would not read the words as
        they are.
        """
        wanted = tuple(edit(self.options))
        if wanted == self.options:
            return self
        lines = list(self.lines)
        found = [field for field in self.fields if field.key == "options"]
        if found:
            bodies = [self._body(field) for field in found]
            for field, body, new in zip(found, bodies, kernel_cmdline.spread_words(bodies, wanted)):
                text = lines[field.line - 1]
                start = len(text.rstrip("\n")) - len(body.render())
                end = "\n" if text.endswith("\n") else ""
                key = text[:start] if text[:start] != text[:start].rstrip() else text[:start] + " "
                lines[field.line - 1] = key + new.render() + end if new.parts else ""
        else:
            line = f"options {kernel_cmdline.parse('').with_words(wanted).render()}\n"
            lines = _inserted(lines, self._place(), line)
        return self._checked(parse("".join(lines)), wanted)

    def _body(self, field: Field) -> CommandLine:
        """The value of that line with the white space behind it."""
        match = _FIELD.match(self.lines[field.line - 1])
        return kernel_cmdline.parse(match[4] if match else "")

    def _place(self) -> int:
        """Behind which line a new `options` line goes, 0 for the top."""
        loads = [field.line for field in self.fields if field.key in ("linux", "efi", "uki")]
        return loads[-1] if loads else max([field.line for field in self.fields], default=0)

    def _checked(self, edited: Entry, wanted: tuple[str, ...]) -> Entry:
        before, after = ([f for f in each.fields if f.key != "options"] for each in (self, edited))
        same = [(f.key, f.value) for f in before] == [(f.key, f.value) for f in after]
        quoted = [value for each in (self, edited) for value in each.values("options") if _is_quoted(value)]
        if edited.options != wanted or not same or quoted:
            line = next((field.line for field in self.fields if field.key == "options"), len(self.lines))
            raise FormatError(
                f"the options in line {line} of the boot entry cannot be edited by word",
                "Close every double quote, and let no options line both begin and end with one.",
            )
        return edited


@dataclass(frozen=True)
class FileName:
    """What the name of an entry's file says: `TOKEN-VERSION[+TRIES].conf`.

    `token` is the machine id, or what /etc/kernel/entry-token says. EL's rescue entries are MID-0-rescue.
    """

    token: str
    version: str
    tries: str = ""

    @property
    def machine_id(self) -> str | None:
        """The machine id, if that is what the name begins with."""
        return self.token if re.fullmatch("[0-9a-f]{32}", self.token) else None

    @property
    def is_rescue(self) -> bool:
        """Whether it is the rescue entry of dracut's package, made for no kernel in particular."""
        return self.version == "0-rescue" or self.version.startswith("0-rescue-")

    @property
    def is_debug(self) -> bool:
        """Whether it is grubby's twin of an entry for debugging."""
        return self.version.endswith("~debug")


def parse(text: str) -> Entry:
    """The entry in `text`; `parse(text).render() == text`.

    Raises FormatError for a byte order mark, a carriage return, and a second line of a key that an entry has
    once.
    """
    if text.startswith("\ufeff"):
        raise FormatError(
            "line 1 of the boot entry begins with a byte order mark, which is no part of its key",
            "Remove the mark: sed -i '1s/^\\xef\\xbb\\xbf//' FILE",
        )
    carriage_return = text.find("\r")
    if carriage_return >= 0:
        raise FormatError(
            f"line {text.count(chr(10), 0, carriage_return) + 1} of the boot entry has a carriage return, "
            "which boot loaders read in different ways",
            "Convert the line ends: sed -i 's/\\r$//' FILE",
        )
    if len(text) > LIMIT_CHARACTERS:
        raise FormatError(f"the boot entry has {len(text)} characters", "Look at it; no tool writes that.")
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    fields = []
    first: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        match = _FIELD.match(line)
        if not match:
            continue
        key = match[2]
        if key in _SINGLE and first.setdefault(key, number) != number:
            raise FormatError(
                f"line {number} of the boot entry sets {key!r} again, after line {first[key]}",
                "Remove one of the two; boot loaders do not agree on which one counts.",
            )
        fields.append(Field(number, key, match[4].rstrip(" \t")))
    return Entry(lines, tuple(fields))


def parse_file_name(name: str) -> FileName | None:
    """What the file's name says; None where it is not made up like that, which is allowed.

    >>> parse_file_name('0123456789abcdef0123456789abcdef-5.14.0-70.el9.x86_64.conf').version
    '5.14.0-70.el9.x86_64'
    >>> parse_file_name('debian-6.1.0-9-amd64+3-0.conf')
    FileName(token='debian', version='6.1.0-9-amd64', tries='+3-0')
    >>> parse_file_name('0123456789abcdef0123456789abcdef-0-rescue.conf').is_rescue
    True
    >>> parse_file_name('arch.conf')
    """
    match = _FILE_NAME.fullmatch(name)
    return FileName(match["token"], match["version"], match["tries"] or "") if match else None


def _inserted(lines: list[str], after: int, line: str) -> list[str]:
    """With `line` below the first `after` lines."""
    above = lines[:after]
    if above and not above[-1].endswith("\n"):
        above[-1] += "\n"
    return [*above, line, *lines[after:]]


def _is_quoted(value: str) -> bool:
    """Whether systemd-boot would take away a quote at both ends, and GRUB would not."""
    return value.startswith('"') and value.endswith('"')
