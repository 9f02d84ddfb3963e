"""The configuration of OpenSSH's server: read as sshd reads it, edited by the line.

Source: sshd_config(5); OpenSSH, servconf.c (process_server_config_line_depth, match_cfg_line) and misc.c
(strdelim, argv_split, convtime). For most keywords the first value wins. What stands in a Match block counts
only for the connections that match, and there it wins over what stands outside: "Match all" over everything.
A block ends with its file, and a file that is included within one that does not match is passed over.

>>> config = parse("Port 22\\n  clientaliveinterval=3m  # keep\\nMatch User x\\n")
>>> config.statements[1]
Statement(line=2, keyword='clientaliveinterval', arguments=('3m',))
>>> config.replace(2, "ClientAliveInterval 180").render()
'Port 22\\n  ClientAliveInterval 180\\nMatch User x\\n'
>>> config.insert("UseDNS no").render()
'Port 22\\n  clientaliveinterval=3m  # keep\\nUseDNS no\\nMatch User x\\n'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from hvprep.errors import FormatError

#: Of an Include's pattern: the path and the text of each file, in the order in which sshd reads them.
Load = Callable[[str], Iterable[tuple[str, str]]]

# servconf.h: SERVCONF_MAX_DEPTH. sshd has no limit to the number of files; without one a few small files
# that include each other twice keep a reader busy for hours.
_MAX_DEPTH, _MAX_FILES = 16, 1000
_BLANK = " \t\r\n"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_INT_MAX = 2**31 - 1


@dataclass(frozen=True)
class Statement:
    """A keyword, in lower case, with its arguments, in a line counted from 1."""

    line: int
    keyword: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class SshdConfig:
    """One file: its lines with their ends, and the statements in them in order."""

    lines: tuple[str, ...]
    statements: tuple[Statement, ...]

    def render(self) -> str:
        """The text, byte for byte where nothing was edited."""
        return "".join(self.lines)

    def replace(self, line: int, text: str) -> SshdConfig:
        """The file with that line (from 1) replaced; its indentation and its end stay."""
        old = self.lines[line - 1]
        indent = old[: len(old) - len(old.lstrip(" \t"))]
        new = f"{indent}{text}{_end_of(old)}"
        return parse("".join((*self.lines[: line - 1], new, *self.lines[line:])))

    def insert(self, text: str) -> SshdConfig:
        """The file with one more line where it counts for every connection: before the first Match."""
        matches = [statement.line for statement in self.statements if statement.keyword == "match"]
        at = matches[0] - 1 if matches else len(self.lines)
        end = _end_of(self.lines[0]) or "\n" if self.lines else "\n"
        head = "".join(self.lines[:at])
        glue = "" if not head or head.endswith("\n") else end
        return parse(f"{head}{glue}{text}{end}{''.join(self.lines[at:])}")


@dataclass(frozen=True)
class Setting:
    """A statement that counts for every connection, the file that it stands in, and whether that is within a
    block for all."""

    path: str
    statement: Statement
    in_block: bool = False


def parse(text: str) -> SshdConfig:
    """The configuration in `text`; `parse(text).render() == text`.

    Raises FormatError where sshd would refuse a line: a quote that does not end, a keyword alone.
    """
    if "\0" in text:
        raise FormatError("there is a NUL in it", "see what wrote this file")
    lines = tuple(line for line in re.split(r"(?<=\n)", text) if line)
    return SshdConfig(lines, tuple(_statements(lines)))


def find_setting(path: str, text: str, load: Load, keyword: str) -> Setting | None:
    """The statement of that name (in lower case) that wins where no other block matches, in the file and in
    those that it includes; None where there is none. Raises FormatError."""
    walk = _Walk(load, keyword)
    found = list(walk.settings(path, text))
    in_blocks = [setting for setting in found if setting.in_block]
    return next(iter(in_blocks + found), None)


def find_all(path: str, text: str, load: Load, keyword: str) -> Iterator[Setting]:
    """The statements of that name (in lower case), in whatever block they stand. Raises FormatError."""
    return _Walk(load, keyword, in_any_block=True).settings(path, text)


def parse_time(text: str) -> int | None:
    """Seconds in sshd's time format, None where it is none.

    >>> [parse_time(text) for text in ("180", "3m", "1H30m", "1m30", "", "3x", "-1")]
    [180, 180, 5400, 90, None, None, None]
    """
    if not re.fullmatch(r"(?:[0-9]+[smhdwSMHDW]?)+", text):
        return None
    parts = re.findall(r"([0-9]+)([a-zA-Z]?)", text)
    seconds = sum(int(number) * _SECONDS[unit.lower()] for number, unit in parts)
    return seconds if seconds <= _INT_MAX else None


class _Walk:
    """One reading of a configuration; `files` counts those that were read so far."""

    def __init__(self, load: Load, keyword: str, in_any_block: bool = False) -> None:
        self._load, self._keyword, self._files, self._in_any_block = load, keyword, 0, in_any_block

    def settings(self, path: str, text: str, depth: int = 0, in_block: bool = False) -> Iterator[Setting]:
        """The statements of the name that count for every connection, or for any."""
        self._files += 1
        if depth > _MAX_DEPTH or self._files > _MAX_FILES:
            because = f"{path} is included too deeply, or too often"
            raise FormatError(because, "see which files include each other")
        is_active = True
        for statement in _named(path, text).statements:
            if statement.keyword == "match":
                is_active = in_block = self._in_any_block or _is_for_all(path, statement)
            elif not is_active:
                continue
            elif statement.keyword == "include":
                for pattern in statement.arguments:
                    for included, content in self._load(_absolute(pattern)):
                        yield from self.settings(included, content, depth + 1, in_block)
            elif statement.keyword == self._keyword:
                yield Setting(path, statement, in_block)


def _named(path: str, text: str) -> SshdConfig:
    try:
        return parse(text)
    except FormatError as error:
        raise FormatError(f"{path}: {error.sentence}", error.hint) from error


def _is_for_all(path: str, statement: Statement) -> bool:
    names = [argument.partition("=")[0].lower() for argument in statement.arguments]
    if "version" in names:  # since OpenSSH 10.0, and true or false for all connections
        because = f"{path}: whether line {statement.line} matches depends on the version of sshd"
        raise FormatError(because, "ask sshd itself: sshd -T")
    return names == ["all"]


def _absolute(pattern: str) -> str:
    """Relative names are below /etc/ssh."""
    return pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"


def _statements(lines: Iterable[str]) -> Iterator[Statement]:
    for number, line in enumerate(lines, 1):
        keyword, rest = _delimit(line.rstrip(_BLANK + "\f"))
        if not keyword:  # the line starts with blanks, or with an equals sign
            keyword, rest = _delimit(rest)
        if not keyword or keyword.startswith("#"):
            continue
        if not rest:
            raise FormatError(f"line {number} has no more than a keyword: {keyword}", "see what sshd -t says")
        yield Statement(number, keyword.lower(), _split(rest, number))


def _delimit(text: str) -> tuple[str, str]:
    """strdelim: the first word, and what follows it. One equals sign may stand between; a quote that comes
    first keeps blanks and equals signs in the word, and one that does not end leaves nothing."""
    match = re.search('[ \t\r\n"=]', text)
    if match is None:
        return text, ""
    word, rest = text[: match.start()], text[match.end() :]
    if match[0] == '"':
        quoted, quote, rest = rest.partition('"')
        return (word + quoted, rest.lstrip(_BLANK)) if quote else ("", "")
    rest = rest.lstrip(_BLANK)
    if match[0] != "=" and rest.startswith("="):
        rest = rest[1:].lstrip(_BLANK)
    return word, rest


def _split(text: str, number: int) -> tuple[str, ...]:
    """argv_split: blanks part words, both quotes keep them together, `#` where one starts ends the line."""
    words = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
            continue
        if text[at] == "#":
            break
        word, quote = "", ""
        while at < len(text) and (quote or text[at] not in " \t"):
            sign, following = text[at], text[at + 1 : at + 2]
            if sign == "\\" and following and (following in "'\"\\" or (following == " " and not quote)):
                word += following
                at += 1
            elif not quote and sign in "'\"":
                quote = sign
            elif quote and sign == quote:
                quote = ""
            else:
                word += sign
            at += 1
        if quote:
            raise FormatError(f"a quote in line {number} does not end", "see what sshd -t says")
        words.append(word)
    return tuple(words)


def _end_of(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]
