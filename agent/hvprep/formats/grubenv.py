"""GRUB's environment block (grubenv): 1024 bytes with variables that outlive a reboot.

Source: grub-core/lib/envblk.c and util/grub-editenv.c of GRUB 2. A header, then one `NAME=value` per line in
which `\\` and newline have a backslash before them, then `#` up to the last byte. The size is part of the
format: GRUB writes into the blocks of the file that it finds, and can neither grow nor shrink it. Files that
it only reads with load_env, like Azure Linux 2's /boot/mariner.cfg, have the same lines and any size.

>>> env = parse(new().set('kernelopts', 'root=/dev/sda1 ro').render())
>>> env.get('kernelopts'), len(env.render())
('root=/dev/sda1 ro', 1024)
>>> env.edit_words('kernelopts', lambda words: [*words, 'quiet']).unset('absent').variables
{'kernelopts': 'root=/dev/sda1 ro quiet'}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hvprep.errors import FormatError
from hvprep.formats import kernel_cmdline
from hvprep.formats.kernel_cmdline import WordEdit

#: DEFAULT_ENVBLK_SIZE; GRUB itself takes any size, grub-editenv and Leapp only this one.
SIZE_BYTES = 1024
#: No file of any size is as long; a longer one is refused.
LIMIT_BYTES = 1 << 16
HEADER = b"# GRUB Environment Block\n"

_REMAKE = (
    "Make it anew with grub-editenv (grub2-editenv): save what `list` says, `create`, then `set` it again."
)
_LINE = re.compile(rb"(?:[^\\\n]|\\.)*\n", re.S)
_VARIABLE = re.compile(rb"([^#=\n\\\0][^=\n\\\0]*)=((?:[^\\\n]|\\.)*)\n", re.S)
_ESCAPE = re.compile(rb"\\(.)", re.S)


@dataclass(frozen=True)
class GrubEnv:
    """The block: its lines without the padding; those that set no variable are comments.

    `padding` is None for 1024 bytes, else what stands behind the lines of a file of any size.
    """

    lines: tuple[bytes, ...]
    padding: bytes | None = None

    def render(self) -> bytes:
        """The 1024 bytes, or the file of any size. Raises FormatError where the lines do not fit."""
        body = HEADER + b"".join(self.lines)
        if self.padding is not None:
            return body + self.padding
        if len(body) > SIZE_BYTES:
            raise FormatError(
                f"the GRUB environment block would need {len(body)} bytes, and it has {SIZE_BYTES}",
                "Shorten a value, or write the kernel parameters into the boot entries themselves.",
            )
        return body.ljust(SIZE_BYTES, b"#")

    @property
    def variables(self) -> Mapping[str, str]:
        """All variables, in order. Bytes that are no UTF-8 come as surrogates (PEP 383)."""
        found = (_VARIABLE.fullmatch(line) for line in self.lines)
        return {_text(match[1]): _text(_ESCAPE.sub(rb"\1", match[2])) for match in found if match}

    def get(self, name: str) -> str | None:
        """The value of the variable; None where it is not set."""
        return self.variables.get(name)

    def set(self, name: str, value: str) -> GrubEnv:
        """With the variable set to that value, in its place or behind all others.

        Raises FormatError where the name or the value cannot be written, or the block has no room.
        """
        escaped = re.sub(rb"([\\\n])", rb"\\\1", _bytes(value))
        line = _bytes(name) + b"=" + escaped + b"\n"
        written = _VARIABLE.fullmatch(line)
        if not written or written[1] != _bytes(name) or b"\0" in line:
            raise FormatError(
                f"{name!r} cannot be set in a GRUB environment block",
                "A name has no '=', '#' or backslash, and nothing there has a NUL.",
            )
        place = list(self.variables).index(name) if name in self.variables else None
        edited = replace(self, lines=self._with(place, line))
        edited.render()
        return edited

    def unset(self, name: str) -> GrubEnv:
        """Without the variable."""
        if name not in self.variables:
            return self
        return replace(self, lines=self._with(list(self.variables).index(name), b""))

    def edit_words(self, name: str, edit: WordEdit) -> GrubEnv:
        """With the words that `edit` makes of the kernel command line in that variable, absent counting as
        empty. Gaps before the words that stay are kept. Raises FormatError as `set` does.
        """
        line = kernel_cmdline.parse(self.get(name) or "")
        wanted = tuple(edit(line.words))
        return self if wanted == line.words else self.set(name, line.with_words(wanted).render())

    def _with(self, place: int | None, line: bytes) -> tuple[bytes, ...]:
        """The lines with `line` for that of the nth variable, or behind all."""
        if place is None:
            return (*self.lines, line)
        at = [i for i, each in enumerate(self.lines) if _VARIABLE.fullmatch(each)][place]
        return tuple(each for each in (*self.lines[:at], line, *self.lines[at + 1 :]) if each)


def new() -> GrubEnv:
    """A block without variables."""
    return GrubEnv(())


def parse(content: bytes, is_fixed: bool = True) -> GrubEnv:
    """The block in `content`; `parse(content).render() == content`. `is_fixed`: it has to have 1024 bytes.

    Raises FormatError that tells what is wrong: the size, the header, the padding or a line.
    """
    _check_frame(content, is_fixed)
    lines: list[bytes] = []
    names: set[bytes] = set()
    position = len(HEADER)
    end = len(content.rstrip(b"#"))  # behind the newline of the last line
    while position < end:
        number = content.count(b"\n", 0, position) + 1
        line = _LINE.match(content, position, end)
        if not line:
            raise FormatError(f"line {number} of the GRUB environment block runs into the padding", _REMAKE)
        variable = _VARIABLE.fullmatch(line[0])
        if not variable and not line[0].startswith(b"#"):
            raise FormatError(f"line {number} of the GRUB environment block is not NAME=value", _REMAKE)
        if variable and variable[1] in names:
            raise FormatError(
                f"line {number} of the GRUB environment block sets {_text(variable[1])} again", _REMAKE
            )
        names.add(variable[1] if variable else b"")
        lines.append(line[0])
        position = line.end()
    return GrubEnv(tuple(lines), None if is_fixed else content[end:])


def _check_frame(content: bytes, is_fixed: bool) -> None:
    """Size, header, and that nothing but `#` follows the last line."""
    what = "the GRUB environment block"
    if is_fixed and len(content) == SIZE_BYTES + 1 and content.endswith(b"\n"):
        raise FormatError(f"{what} has a newline behind its {SIZE_BYTES} bytes", _REMAKE)
    if len(content) > LIMIT_BYTES or (is_fixed and len(content) != SIZE_BYTES):
        raise FormatError(f"{what} has {len(content)} bytes, not {SIZE_BYTES}", _REMAKE)
    if not content.startswith(HEADER):
        raise FormatError(f'{what} does not begin with "{HEADER.decode().strip()}"', _REMAKE)
    if content.endswith(b"#\n"):
        raise FormatError(f"{what} has a newline behind its padding", _REMAKE)
    if not content.rstrip(b"#").endswith(b"\n"):
        number = content.count(b"\n") + 1
        raise FormatError(f"line {number} of {what} is cut off, or its padding is not of '#'", _REMAKE)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise FormatError(f"{text!r} cannot be written as UTF-8", "Leave out lone surrogates.") from error
