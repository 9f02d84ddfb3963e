"""Files of /etc/sysconfig as SUSE has them: `NAME="value"`, one in a line, which YaST edits and sh sources.

Only values that are plain text in one pair of quotes (or none) are edited: what a shell would have to expand,
or what goes on in the next line, is refused.

>>> edit_words('DEFAULT_APPEND="quiet a=1"  # mine', 'DEFAULT_APPEND', lambda words: words[1:])
'DEFAULT_APPEND="a=1"  # mine'
"""

from __future__ import annotations

import re

from hvprep.errors import FormatError
from hvprep.formats.kernel_cmdline import WordEdit

_VALUE = re.compile(
    r'(?P<quote>["\'])(?P<quoted>(?:(?!(?P=quote))[^\\$`\n])*)(?P=quote)(?P<rest>[ \t]*(?:[;#].*)?)'
    r"|(?P<bare>[^\s\"'\\$`;#&|<>()]*)(?P<bare_rest>[ \t]*(?:#.*)?)"
)


def edit_words(text: str, name: str, edit: WordEdit) -> str:
    """`text` with the words that `edit` returns in every assignment of that variable; one that is not
    assigned stays so. Words are written with one blank between them where they change.

    Raises FormatError where a value is more than text in quotes, or a word would not stay one.
    """
    assignment = re.compile(rf"^([ \t]*{re.escape(name)}=)(.*)$", re.MULTILINE)
    return assignment.sub(lambda match: _edited(name, match, edit), text)


def _edited(name: str, match: re.Match[str], edit: WordEdit) -> str:
    value = _VALUE.fullmatch(match[2])
    if value is None:
        raise FormatError(
            f"the value of {name} is more than text in quotes: {match[2]}",
            f'Write it as {name}="...", in one line.',
        )
    old = (value["quoted"] if value["quote"] else value["bare"]).split()
    new = list(edit(old))
    if new == old:
        return match[0]
    quote = value["quote"] or '"'
    if any(quote in word or re.search(r"[\s\\$`]", word) for word in new):
        raise FormatError(f"{name} cannot hold {' '.join(new)}", "Leave quotes and $ out of it.")
    rest = value["rest"] if value["quote"] else value["bare_rest"]
    return f"{match[1]}{quote}{' '.join(new)}{quote}{rest}"
