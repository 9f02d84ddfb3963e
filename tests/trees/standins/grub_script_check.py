"""A stand-in for grub-script-check; lives in a tree's /usr/bin. Knows quotes, braces, if and menuentry."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import List

_WORD = re.compile(r"#[^\n]*|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\$\{[^}]*\}|\$\w+|[{};\n]|[^\s{};'\"$]+|['\"$]")
_CLOSES = {"}": "{", "fi": "if"}


def find_error(text: str) -> str:
    """What is wrong with the script, "" where nothing is."""
    opened: List[str] = []
    for match in _WORD.finditer(text):
        word = match[0]
        if word in ("'", '"'):
            return f"line {text.count(chr(10), 0, match.start()) + 1}: a quote never ends"
        if word in ("if", "{"):
            opened.append(word)
        elif word in _CLOSES and (not opened or opened.pop() != _CLOSES[word]):
            return f"line {text.count(chr(10), 0, match.start()) + 1}: syntax error at {word}"
    return f"{opened[-1]} never ends" if opened else ""


def main() -> None:
    root = Path(sys.argv[0]).parents[2]
    error = find_error(Path(f"{root}{sys.argv[1]}").read_bytes().decode("utf-8", "replace"))
    if error:
        sys.stderr.write(f"error: {error}.\nSyntax error\n")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
