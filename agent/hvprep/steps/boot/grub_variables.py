"""What GRUB's variables put into a kernel command line: `set` in grub.cfg, and the environment block.

`$kernelopts` of EL 8 stands in grubenv, with a fallback in grub.cfg for when grubenv cannot be read: on
images for BIOS and UEFI it is a link to another file system, which GRUB does not follow. Both have to be
right. Azure Linux 2 makes all of its command line of variables, most of them in files that grub.cfg loads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from hvprep.errors import FormatError, in_file
from hvprep.formats import grubenv, kernel_cmdline
from hvprep.formats.grubenv import GrubEnv
from hvprep.formats.kernel_cmdline import WordEdit
from hvprep.model.change import Write
from hvprep.model.node import GuestPath
from hvprep.model.view import View
from hvprep.steps.boot.rules import EntryRules

#: The variable that EL 8's entries are made of, and the names of its fallback in grub.cfg.
OPTIONS, FALLBACKS = "kernelopts", ("kernelopts", "default_kernelopts")

_SET = re.compile(
    r"^[ \t]*set[ \t]+(\w+)=(?:\"([^\"\\\n]*)\"|'([^'\n]*)'|([^\s\"'\\;&|]*))[ \t]*$", re.MULTILINE
)
_LOAD = re.compile(r"^[ \t]*load_env[ \t]+(?:-f|--file)[ \t]+(\S+)[ \t]*$", re.MULTILINE)
_FALLBACK = re.compile(r'^([ \t]*set[ \t]+(?:default_)?kernelopts=")([^"\\\n]*)(?=")', re.MULTILINE)
_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
#: Variables in variables are followed as far as that, and no longer than the kernel's longest command line.
_DEPTH, _LIMIT_CHARACTERS = 4, 4096


@dataclass(frozen=True)
class Variables:
    """What a grub.cfg has to fill in.

    assigned  by the last `set` of each name
    loaded    the files of variables that it loads by name
    path      the block beside it, where its links lead
    block     None where there is none
    """

    config: GuestPath
    assigned: Mapping[str, str]
    loaded: Mapping[GuestPath, GrubEnv]
    path: GuestPath
    block: GrubEnv | None

    @property
    def values(self) -> Mapping[str, str]:
        """As GRUB has them once it has read the block."""
        return {**self._without_block, **(self.block.variables if self.block is not None else {})}

    @property
    def _without_block(self) -> Mapping[str, str]:
        loaded = {name: value for env in self.loaded.values() for name, value in env.variables.items()}
        return {**self.assigned, **loaded}

    def readings(self, words: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(what to add to an entry's title, the words with their values): with the block, and without it
        where grub.cfg has a fallback and the two differ. A variable that nobody sets stays as written."""
        found, without = expand(words, self.values), expand(words, self._without_block)
        if without == found or not any(self.assigned.get(name) for name in FALLBACKS):
            return (("", found),)
        return ("", found), (" (where GRUB cannot read grubenv)", without)

    def with_options(self, edit: WordEdit) -> Variables:
        """With the words of $kernelopts edited where the block has it."""
        if self.block is None or self.block.get(OPTIONS) is None:
            return self
        return replace(self, block=self._edited(self.block, edit))

    def with_words(self, rules: EntryRules) -> Variables:
        """With our words in $kernelopts, and without what has to go in the files that are loaded."""
        loaded = {path: _without_unwanted(env, rules) for path, env in self.loaded.items()}
        return replace(self, loaded=loaded, block=self._edited(self.block or grubenv.new(), rules.edit))

    def _edited(self, block: GrubEnv, edit: WordEdit) -> GrubEnv:
        with in_file(self.path):
            return block.edit_words(OPTIONS, edit)

    def writes(self, before: Variables) -> Iterator[Write]:
        """What changes these files from what they were `before`."""
        blocks = {path: env for path, env in self.loaded.items() if env != before.loaded[path]}
        if self.block is not None and self.block != before.block:
            blocks[self.path] = self.block
        for path, env in blocks.items():
            yield Write(
                path, env.render(), f"{path}, which GRUB fills the entries in from, gets the parameters"
            )


def read_variables(view: View, config: GuestPath) -> Variables:
    """What `config`, the files that it loads and the block beside it set.

    Raises FormatError where the block is damaged: GRUB would not read it, and waits for a key.
    """
    text = (view.read(config) or b"").decode("utf-8", "surrogateescape")
    assigned, path = assigned_in(text), view.resolve(config.parent / "grubenv")
    loaded = {}
    for match in _LOAD.finditer(text):
        name = fill_in(match[1], assigned).lstrip("/")
        for place in (GuestPath("/boot") / name, GuestPath("/") / name):  # /boot may be a file system
            file = view.resolve(place)
            env = _read_block(view, file, is_fixed=False) if file != path else None
            if env is not None:
                loaded[file] = env
                break
    return Variables(config, assigned, loaded, path, _read_block(view, path, is_fixed=True))


def assigned_in(text: str) -> Mapping[str, str]:
    """The last `set` of each name in a grub.cfg."""
    return {match[1]: match[2] or match[3] or match[4] or "" for match in _SET.finditer(text)}


def expand(words: Iterable[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """The words with the values of variables; $kernelopts falls back on $default_kernelopts (blscfg.c)."""
    known = {OPTIONS: values["default_kernelopts"], **values} if "default_kernelopts" in values else values
    return tuple(part for word in words for part in kernel_cmdline.parse(fill_in(word, known)).words)


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """The text with the values of the variables that are known.

    >>> fill_in('$prefix/${kernel} $else', {'prefix': '/boot', 'kernel': 'vmlinuz'})
    '/boot/vmlinuz $else'
    """

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1] or match[2])
        return match[0] if found is None or len(found) > _LIMIT_CHARACTERS else found

    filled = text
    for _ in range(_DEPTH):
        if "$" not in filled or len(filled) > _LIMIT_CHARACTERS:
            break
        filled = _REFERENCE.sub(value, filled)
    return filled


def uses_options(words: Iterable[str]) -> bool:
    """Whether $kernelopts is among the words."""
    return any(f"${OPTIONS}" in word or f"${{{OPTIONS}}}" in word for word in words)


def edit_fallback(text: str, edit: WordEdit) -> str:
    """The text of a grub.cfg with the words of its fallback for $kernelopts edited."""

    def edited(match: re.Match[str]) -> str:
        line = kernel_cmdline.parse(match[2])
        wanted = tuple(edit(line.words))
        new = "".join(word for word in wanted if word not in line.words)
        if re.search(r"[\"\\$`]", new):
            raise FormatError(f"{new!r} cannot be written into grub.cfg by word", "Leave out quotes and `$`.")
        return match[0] if wanted == line.words else match[1] + line.with_words(wanted).render()

    return _FALLBACK.sub(edited, text)


def _read_block(view: View, path: GuestPath, is_fixed: bool) -> GrubEnv | None:
    content = view.read(path)
    with in_file(path):
        return grubenv.parse(content, is_fixed) if content is not None else None


def _without_unwanted(env: GrubEnv, rules: EntryRules) -> GrubEnv:
    for name in env.variables:
        env = env.edit_words(name, lambda words: [word for word in words if not rules.is_unwanted(word)])
    return env
