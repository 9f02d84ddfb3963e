"""The shipped conf/hvprep.conf and the man page hvprep.conf(5), made from the table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from hvprep.settings.table import SECTIONS, TABLE, Setting

_CONF_HEAD = """\
# Settings of hvprep, see hvprep.conf(5). Every line shows what holds without it: to change that, take
# the # away, or better, put the line into a file of your own, /etc/hvprep.conf.d/NAME.conf, which wins
# over this one. A key or a value that hvprep does not understand is an error.
"""

_MAN_HEAD = """\
===========
hvprep.conf
===========

------------------
settings of hvprep
------------------

:Manual section: 5
:Manual group: hvprep

SYNOPSIS
========

| /etc/hvprep.conf
| /etc/hvprep.conf.d/\\*.conf

DESCRIPTION
===========

**hvprep** reads */etc/hvprep.conf* first and then the files of */etc/hvprep.conf.d* in the order of their
names; what is read later wins. No file has to be there. With **--root** the files of that tree are read.

Lines are *Key.Sub*\\ **=**\\ *value*, as in **waagent.conf**. Blanks around the **=** and double quotes
around the value are allowed. A line that starts with **#** is a comment, and so is, after a blank, a **#**
that does not stand in quotes, with what follows. Text is UTF-8. A link to */dev/null* is an empty file.

Nothing is passed over: an unknown key, a value of another form, a key that stands twice in one file or a line
without **=** ends **hvprep** with exit status 2 and a sentence that names the file and the line.

SETTINGS
========
"""

_MAN_FOOT = """
EXAMPLE
=======

The serial console of a machine whose first port is taken, and one more driver in every initrd::

    # /etc/hvprep.conf.d/50-site.conf
    Kernel.Console=ttyS1,115200n8
    Initrd.ExtraModules=nvme

SEE ALSO
========

**hvprep**\\ (8), **bootparam**\\ (7)
"""


def render_conf() -> str:
    """conf/hvprep.conf: every key with its help, commented out at its default."""
    return _CONF_HEAD + "".join("\n".join(_conf_lines(setting)) + "\n" for setting in TABLE)


def _conf_lines(setting: Setting) -> Iterator[str]:
    if _is_first_of_section(setting):
        yield f"\n\n## {SECTIONS[setting.section]}"
    yield ""
    text = f"{setting.help} Takes {setting.form.expected}."
    yield from textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    yield f"#{setting.key}={setting.form.render(setting.default)}"


def render_man() -> str:
    """packaging/man/hvprep.conf.5.rst: the man page, in reStructuredText for rst2man."""
    return _MAN_HEAD + "".join("\n".join(_man_lines(setting)) + "\n" for setting in TABLE) + _MAN_FOOT


def _man_lines(setting: Setting) -> Iterator[str]:
    if _is_first_of_section(setting):
        title = SECTIONS[setting.section].rstrip(".")
        yield f"\n{title}\n{'-' * len(title)}"
    default = setting.form.render(setting.default)
    text = f"{setting.help} Takes {setting.form.expected}."
    yield f"\n**{setting.key}=**"
    yield from textwrap.wrap(
        _escaped(text), 100, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
    )
    yield f"    Default: {_escaped(default) if default else 'empty'}."


def _is_first_of_section(setting: Setting) -> bool:
    return setting == next(each for each in TABLE if each.section == setting.section)


def _escaped(text: str) -> str:
    return "".join("\\" + sign if sign in "\\*`|_" else sign for sign in text)
