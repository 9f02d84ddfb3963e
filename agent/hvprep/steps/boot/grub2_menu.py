"""GRUB 2's menu on the serial port: the settings of grub-mkconfig, and every grub.cfg made anew from them.

Where entries are Boot Loader Specification files grub.cfg is edited instead, as for its entries: see bls.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hvprep.facts.boot_loaders import BLS_ENTRIES, BootLoader, LoaderKind
from hvprep.facts.gather import Facts
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.grub2 import is_generated, renew
from hvprep.steps.boot.grub_menu import (
    AUTO_HIDE,
    edit_menu,
    hides_after_good_boots,
    menu_commands,
    menu_problems,
)
from hvprep.steps.boot.grub_menu_defaults import plan_menu_defaults
from hvprep.steps.boot.grub_variables import read_variables
from hvprep.steps.boot.menu_rules import VISIBLE_S, MenuRules, menu_to_wants

_WHY = "grub.cfg is made anew, with the menu on the serial port"
_WHY_EDITED = "the menu comes to the serial port"


def plan_menu(view: View, facts: Facts, loader: BootLoader, rules: MenuRules) -> Iterator[Outcome]:
    """See Menu. Files that a person made are left alone, as for their entries."""
    configs = [path for path in loader.configs if path != BLS_ENTRIES]
    texts = {path: (view.read(path) or b"").decode("utf-8", "surrogateescape") for path in configs}
    wrong = [path for path in configs if menu_problems(texts[path], rules)]
    by_hand = [path for path in wrong if not is_generated(view, path)]
    for path in configs:
        problems = menu_problems(texts[path], rules)
        for problem in problems:
            yield Note(
                Verdict.UNMET, f"{path}: {problem}", _by_hand(path, rules) if path in by_hand else None
            )
        if not problems:
            yield Note(Verdict.MET, f"the menu of {path} is on {' and '.join(rules.terminals)}")
    yield from _plan_grubenv(view, [path for path in configs if hides_after_good_boots(texts[path])])
    if by_hand:
        return
    grub, generated = facts.image.grub, [path for path in configs if is_generated(view, path)]
    writes = 0
    for outcome in plan_menu_defaults(view, grub, rules) if grub is not None and generated else ():
        yield outcome
        if isinstance(outcome, Note):
            return
        writes += 1
    for path in generated if writes else wrong:
        yield from _renewed(facts, loader, path, texts[path], rules)


def _by_hand(path: GuestPath, rules: MenuRules) -> str:
    return (
        f"{path} was made by hand: write there, above its first entry: {', '.join(menu_commands(rules))}; "
        f"and set timeout={VISIBLE_S} if it is 0"
    )


def _plan_grubenv(view: View, configs: Sequence[GuestPath]) -> Iterator[Write]:
    """The changes after which the blocks beside these files do not hide the menu."""
    blocks = {each.path: each.block for each in (read_variables(view, path) for path in configs)}
    for path, block in blocks.items():
        if block is not None and block.get(AUTO_HIDE):
            why = f"{AUTO_HIDE}={block.get(AUTO_HIDE)} in {path} hides the menu after every good boot"
            yield Write(path, block.unset(AUTO_HIDE).render(), why)


def _renewed(
    facts: Facts, loader: BootLoader, path: GuestPath, text: str, rules: MenuRules
) -> Iterator[Outcome]:
    edited = edit_menu(text, rules)
    left = menu_problems(edited, rules)
    write = Write(path, edited.encode("utf-8", "surrogateescape"), _WHY_EDITED)
    if left:
        yield Note(
            Verdict.UNMET,
            f"{path}: {left[0]}, and it is not its 00_header that says so",
            "look for terminal_input, terminal_output and serial in the scripts of /etc/grub.d",
        )
    elif loader.kind is LoaderKind.GRUB2:
        yield renew(facts, path, menu_to_wants(rules), write, _WHY, is_only=len(loader.configs) == 1)
    elif edited != text:
        yield write
