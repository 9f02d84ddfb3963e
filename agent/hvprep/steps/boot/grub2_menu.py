"""GRUB 2's menu on the serial port: the settings of grub-mkconfig, and every grub.cfg made anew from them.

Where entries are Boot Loader Specification files grub.cfg is edited instead, as for its entries: see bls.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.boot_loaders import BLS_ENTRIES, BootLoader, LoaderKind
from hvprep.facts.gather import Facts
from hvprep.model.change import Write
from hvprep.model.finding import Note, Outcome, Verdict
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.grub2 import find_dangling, find_hand_made, is_generated, renew
from hvprep.steps.boot.grub_menu import edit_menu, menu_problems
from hvprep.steps.boot.grub_menu_defaults import plan_menu_defaults
from hvprep.steps.boot.menu_rules import MenuRules, menu_to_wants

_WHY = "grub.cfg is made anew, with the menu on the serial port"
_WHY_EDITED = "the menu comes to the serial port"


def plan_menu(view: View, facts: Facts, loader: BootLoader, rules: MenuRules) -> Iterator[Outcome]:
    """See Menu. Files that a person made are left alone, as for their entries."""
    configs = [path for path in loader.configs if path != BLS_ENTRIES]
    texts = {path: (view.read(path) or b"").decode("utf-8", "surrogateescape") for path in configs}
    wrong = [path for path in configs if menu_problems(texts[path], rules)]
    refusal = find_dangling(view, configs[0]) or find_hand_made(view, facts, wrong)
    for path in configs:
        problems = menu_problems(texts[path], rules)
        for problem in problems:
            yield Note(Verdict.UNMET, f"{path}: {problem}", refusal.remedy if refusal is not None else None)
        if not problems:
            yield Note(Verdict.MET, f"the menu of {path} is on {' and '.join(rules.terminals)}")
    if refusal is not None:
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
