"""The settings of grub-mkconfig that bring GRUB 2's menu to the serial port, in lines that are read last.

GRUB_TERMINAL, where it is set, overrides the two for input and output. gfxterm goes: it is no input, and
without its font the whole list of outputs is refused. A word that this grub-mkconfig does not know ends it
with an error (ec2-console outside of Amazon Linux), so that goes too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hvprep.facts.tools import GrubTool
from hvprep.formats.default_grub import quote_words
from hvprep.model.change import Remove, Write
from hvprep.model.finding import Note, Verdict
from hvprep.model.view import View
from hvprep.steps.boot.grub_defaults import (
    Files,
    Own,
    Values,
    add_lines,
    changes,
    evaluate_defaults,
    read_defaults,
    split_own,
)
from hvprep.steps.boot.menu_rules import GRAPHICS, VISIBLE_S, MenuRules

TERMINAL, INPUT, OUTPUT = "GRUB_TERMINAL", "GRUB_TERMINAL_INPUT", "GRUB_TERMINAL_OUTPUT"
COMMAND = "GRUB_SERIAL_COMMAND"
STYLE, HIDDEN = "GRUB_TIMEOUT_STYLE", "GRUB_HIDDEN_TIMEOUT"
#: How long the menu is shown: always, and (Ubuntu) after a boot that failed.
_TIMES = ("GRUB_TIMEOUT", "GRUB_RECORDFAIL_TIMEOUT")
_NAMES = (TERMINAL, INPUT, OUTPUT, COMMAND, STYLE, HIDDEN, *_TIMES)
#: What every grub-mkconfig since 2.00 takes for an output.
_OUTPUTS = ("console", "serial", "ofconsole", "vga_text", GRAPHICS)

_OWN = Own(
    ("99-hvprep-serial.cfg", "zz-hvprep-serial.cfg", "zzzz-hvprep-serial.cfg"),
    "# Written by hvprep: the boot menu on the serial console of Hyper-V and Azure.\n",
    _NAMES,
)


def plan_menu_defaults(view: View, grub: GrubTool, rules: MenuRules) -> Iterator[Write | Remove | Note]:
    """The changes after which grub-mkconfig brings the menu to the serial port."""
    files = read_defaults(view, grub)
    script = view.read(grub.mkconfig) or b""
    if not _wanted(_evaluate(files), rules, script):
        return
    _, others = split_own(files, grub, _OWN)
    wanted = _wanted(_evaluate(others), rules, script)
    lines = [f'{name}="{quote_words(words)}"' for name, words in wanted.items()]

    def is_right(after: Files) -> bool:
        return not _wanted(_evaluate(after), rules, script)

    after = add_lines(others, lines, grub, _OWN, is_right)
    if after is None:
        yield Note(
            Verdict.UNMET,
            f"another file after ours sets {' or '.join(wanted)} anew",
            f"take that out of it, or give it a name that sorts before {_OWN.names[-1]}",
        )
        return
    yield from changes(files, after, lambda path: f"{path} sets {', '.join(wanted)}")


def _evaluate(files: Files) -> Values:
    return evaluate_defaults(files, _NAMES)


def _wanted(values: Values, rules: MenuRules, script: bytes) -> Mapping[str, Sequence[str]]:
    """What has to be set anew, () to a variable that has to be empty."""
    wanted: dict[str, Sequence[str]] = {}
    both = bool(values[TERMINAL]) or not (values[INPUT] or values[OUTPUT])
    for name in (TERMINAL,) if both else (INPUT, OUTPUT):
        words = values[name] or (("console",) if name == INPUT else ())
        known = [word for word in words if name == INPUT or _is_known(word, script)]
        if rules.terminal_problem(words, is_input=name != OUTPUT) or len(known) < len(words):
            kept = [word for word in known if word != GRAPHICS]
            wanted[name] = (*kept, *(each for each in rules.terminals if each not in kept))
    if not rules.is_opened_by(values[COMMAND]):
        wanted[COMMAND] = rules.serial.split()
    if list(values[STYLE]) == ["hidden"]:
        wanted[STYLE] = ("menu",)
    if values[HIDDEN]:  # the old way, which counts where there is no style
        wanted[HIDDEN] = ()
    wanted.update({name: (str(VISIBLE_S),) for name in _TIMES if list(values[name]) == ["0"]})
    return wanted


def _is_known(word: str, script: bytes) -> bool:
    return word in _OUTPUTS or f"x{word}".encode() in script
