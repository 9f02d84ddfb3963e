"""Words of a grub.cfg, as GRUB's lexer reads them (grub-core/script/yylex.l), and how Linux gets them.

Runs nothing: a word with a GRUB variable stays as it is written.

>>> [token.text for token in tokens('linux /vmlinuz dyndbg="file x" # c') if token.kind == 'word']
['linux', '/vmlinuz', 'dyndbg=file x']
>>> kernel_word('dyndbg=file x'), quote_argument('dyndbg=file x')
('dyndbg="file x"', 'dyndbg="file x"')
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hvprep.errors import FormatError
from hvprep.formats import kernel_cmdline

#: GRUB's reader drops lines that begin with `#` before its lexer sees them, continued ones too.
_CONTINUATION = re.compile(r"\\\n(?:#[^\n]*(?:\n|\Z))*")
_GAP = re.compile(rf"(?:[ \t\r]|{_CONTINUATION.pattern})+")
_COMMENT = re.compile(r"#[^\n]*")
_BARE = re.compile(r"[^{}|&$;<> \t\r\n'\"\\]+")
_IN_DOUBLE = re.compile(r'[^"\\$]+')
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|\{(?:[A-Za-z_]\w*|[0-9]+|[?#*@])\}|[0-9]+|[?#*@])", re.A)
#: Characters that mean nothing to GRUB's lexer, nor to its globbing, wherever they stand.
_PLAIN = re.compile(r"[^{}|&$;<>\s'\"\\#*?\[\]]+")
_QUOTED = re.compile(r'([^"\s=]+=)?"([^"]*)"')


@dataclass(frozen=True)
class Token:
    """A word, a comment, or a character of punctuation. The text of an opaque word is as it is written."""

    kind: str
    text: str
    start: int
    end: int
    opaque: bool = False


def tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        gap = _GAP.match(text, position)
        comment = _COMMENT.match(text, position)
        if gap:
            position = gap.end()
            continue
        if comment:
            token = Token("comment", comment[0], position, comment.end())
        elif text[position] in "{}|&;<>\n":
            token = Token(text[position], text[position], position, position + 1)
        else:
            token = _word(text, position)
        yield token
        position = token.end


def _word(text: str, start: int) -> Token:
    """The word that begins at `start`, without its quotes."""
    parts = []
    position = start
    opaque = False
    quote = ""
    opened = start
    while position < len(text) and (quote or text[position] not in "{}|&;<> \t\r\n"):
        character = text[position]
        run = (_IN_DOUBLE if quote else _BARE).match(text, position)
        variable = _VARIABLE.match(text, position)
        continuation = _CONTINUATION.match(text, position)
        end = position + 1
        plain = run or variable
        if plain:
            end = plain.end()
            opaque = opaque or not run
            parts.append(text[position:end])
        elif character == '"':
            quote, opened = "" if quote else '"', position
        elif character == "'":
            end = text.find("'", position + 1) + 1
            if not end:
                raise _unterminated(text, position)
            parts.append(text[position + 1 : end - 1])
        elif continuation:
            end = continuation.end()
        elif character == "\\" and end < len(text):
            end += 1
            keeps = quote and text[end - 1] not in '"\\$'
            parts.append(text[position:end] if keeps else text[end - 1])
        else:  # a `$` that begins no name, or a backslash at the end; `$"` is a text to translate
            opaque = opaque or (not quote and text.startswith('$"', position))
            parts.append(character)
        position = end
    if quote:
        raise _unterminated(text, opened)
    return Token("word", text[start:position] if opaque else "".join(parts), start, position, opaque)


def _unterminated(text: str, position: int) -> FormatError:
    line = text.count("\n", 0, position) + 1
    return FormatError(f"the quote that begins in line {line} never ends", "Generate grub.cfg anew.")


def kernel_word(argument: str) -> str:
    """The word that the kernel gets for an argument of `linux`: with quotes where it has spaces."""
    if not kernel_cmdline.WHITE_SPACE.intersection(argument):
        return argument
    name, equals, value = argument.partition("=")
    if equals and name and not kernel_cmdline.WHITE_SPACE.intersection(name):
        return f'{name}="{value}"'
    return f'"{argument}"'


def argument_of(word: str) -> str:
    """The argument that makes GRUB hand on that kernel word."""
    match = _QUOTED.fullmatch(word)
    if kernel_cmdline.parse(word).parts != (("", word),) or ('"' in word and not match):
        raise FormatError(
            f"{word!r} is not one word that GRUB can hand to the kernel",
            "Put double quotes around the whole value, and nowhere else.",
        )
    return (match[1] or "") + match[2] if match else word


def quote_argument(argument: str) -> str:
    if _PLAIN.fullmatch(argument):
        return argument
    name, equals, value = argument.partition("=")
    head, body = (name + equals, value) if equals and _PLAIN.fullmatch(name) else ("", argument)
    if "'" not in body and re.search(r'["$\\]', body):
        return f"{head}'{body}'"
    return head + '"' + re.sub(r'(["$\\])', r"\\\1", body) + '"'
