"""What a kernel's module directory says: which modules there are, what is built in, who needs whom.

Source of the facts: modules.dep(5), modprobe.d(5), libkmod (libkmod-module.c, libkmod-index.c) and depmod.
Names are compared the way modprobe does: '-' and '_' are the same, written '_' here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Union

from hvprep.errors import FormatError

_DEPMOD = "Run depmod for that kernel."
_BRACKETS = re.compile(r"(\[[^]]*\])")
_WILDCARD = re.compile(r"[*?[]")


def module_name(path: str) -> str | None:
    """The name of the module in a file, None where the file is no module.

    >>> module_name("kernel/hid/hid-hyperv.ko.xz"), module_name("/lib/sd_mod.ko"), module_name("a.txt")
    ('hid_hyperv', 'sd_mod', None)
    """
    stem, found, rest = path[path.rfind("/") + 1 :].rpartition(".ko")
    return stem.replace("-", "_") if stem and found and rest in ("", ".xz", ".zst", ".gz") else None


def normalise_alias(alias: str) -> str:
    """The alias, or a module's name, with '_' for '-' except within brackets (libkmod's `underscores`).

    >>> normalise_alias("crypto-crc32c"), normalise_alias("usb:v[0-9]-x")
    ('crypto_crc32c', 'usb:v[0-9]_x')
    """
    parts = _BRACKETS.split(alias) if "[" in alias else [alias]
    return "".join(part if at % 2 else part.replace("-", "_") for at, part in enumerate(parts))


@dataclass(frozen=True)
class Builtin:
    """The module is part of the kernel image."""

    name: str


@dataclass(frozen=True)
class Loadable:
    """The module is a file; `path` is as in modules.dep, relative to the module directory as a rule."""

    name: str
    path: str


Resolution = Union[Builtin, Loadable]


@dataclass(frozen=True)
class AnyOf:
    """A choice: one of `candidates` is enough. `alternatives` are the same with their hard dependencies.

    `asked` is the name or alias as it stands in the soft dependency or as the caller gave it.
    """

    asked: str
    candidates: tuple[str, ...]
    alternatives: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Closure:
    """Everything that a set of modules needs in order to be loaded and to do its work.

    modules   loadable modules with all hard dependencies: without any one of them something fails to load
    groups    choices (soft dependencies, asked aliases of several modules) that `modules` does not settle yet
    builtin   asked or chosen, and part of the kernel
    unknown   asked, but this kernel has neither such a module nor such an alias
    """

    modules: frozenset[str]
    groups: tuple[AnyOf, ...]
    builtin: frozenset[str]
    unknown: tuple[str, ...]

    def missing_from(self, present: Collection[str]) -> tuple[str, ...]:
        """Which of `modules` are not among these normalised names, sorted."""
        return tuple(sorted(self.modules.difference(present)))

    def unsettled_by(self, present: Collection[str]) -> tuple[AnyOf, ...]:
        """The groups of which these normalised names hold no alternative with all its dependencies."""
        held = frozenset(present)
        return tuple(group for group in self.groups if not any(names <= held for names in group.alternatives))


@dataclass(frozen=True)
class ModuleIndex:
    """What one module directory tells; made by `parse_module_index`. Every name may have '-' or '_'."""

    _files: Mapping[str, tuple[str, str]]
    _builtin: frozenset[str]
    _softdeps: Mapping[str, tuple[str, ...]]
    _alias_text: str = field(repr=False)
    _builtin_aliases: Mapping[str, tuple[str, ...]]

    def path_of(self, name: str) -> str | None:
        """The file of a loadable module as modules.dep writes it; None where there is none."""
        found = self._files.get(name.replace("-", "_"))
        return found[0] if found else None

    def is_builtin(self, name: str) -> bool:
        """Whether the module of this name is part of the kernel."""
        return name.replace("-", "_") in self._builtin

    @cached_property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Normalised alias (a pattern as in glob(7) where it has wildcards) to the modules that have it."""
        return _parse_aliases(self._alias_text)

    @cached_property
    def _patterns(self) -> tuple[tuple[str, str], ...]:
        patterns = filter(_WILDCARD.search, self.aliases)
        return tuple((_WILDCARD.split(alias, 1)[0], alias) for alias in patterns)

    def candidates(self, asked: str) -> tuple[Resolution, ...]:
        """What a name or alias stands for, in modprobe's order of search; the first of these that answers.

        A loadable module of that name; the alias, of loadable modules and of built-in ones together; a
        built-in module of that name; the alias as a pattern ("vmbus:...", "pci:...").
        """
        name = normalise_alias(asked)
        if name in self._files:
            return (Loadable(name, self._files[name][0]),)
        found = (
            *self._loadable(self.aliases.get(name, ())),
            *map(Builtin, self._builtin_aliases.get(name, ())),
        )
        if found or name in self._builtin:
            return found or (Builtin(name),)
        hits = (
            alias for start, alias in self._patterns if name.startswith(start) and fnmatchcase(name, alias)
        )
        return tuple(
            self._loadable(dict.fromkeys(module for alias in hits for module in self.aliases[alias]))
        )

    def _loadable(self, names: Iterable[str]) -> Iterator[Resolution]:
        return (Loadable(name, self._files[name][0]) for name in names if name in self._files)

    def resolve(self, asked: str) -> Resolution | None:
        """The first of `candidates`, None where this kernel has nothing of that name."""
        return next(iter(self.candidates(asked)), None)

    def with_files(self, paths: Iterable[str], gone: Collection[str] = ()) -> ModuleIndex:
        """The index that has these files too, with no dependencies known, and none of the modules `gone`.

        >>> index = parse_module_index(b"kernel/a.ko:").with_files(["updates/c-d.ko"], ["a"])
        >>> index.path_of("c_d"), index.path_of("a")
        ('updates/c-d.ko', None)
        """
        added = {name: (path, "") for path in paths for name in [module_name(path)] if name}
        kept = {name: found for name, found in self._files.items() if name not in gone}
        return replace(self, _files={**kept, **added})

    def dependencies(self, name: str) -> tuple[str, ...]:
        """The hard dependencies of a loadable module, all of them: depmod writes the transitive list.

        Raises FormatError where one of them is no module: the line was cut short or garbled.
        """
        needed = self._files.get(name.replace("-", "_"), ("", ""))[1].split()
        names = tuple(filter(None, map(module_name, needed)))
        if len(names) < len(needed):
            raise FormatError(f"modules.dep does not read in what {name} needs", _DEPMOD)
        return names

    def closure(self, names: Iterable[str]) -> Closure:
        """All that these modules (or aliases) need: hard dependencies, and what `pre:` softdeps ask for.

        A softdep mostly names an algorithm, not a module: in Debian 12 and 13 `ext4 pre: crypto-crc32c`,
        `libcrc32c pre: crc32c` (so xfs and btrfs need it too), `btrfs pre: blake2b-256`. crypto-crc32c is
        crc32c_generic and crc32c_intel: modprobe loads both and goes on where one fails; ext4 mounts with
        either and does not mount with neither. So a softdep is a group of which one is enough, even where
        only one module has that name: leaving it out is a matter of degree (`crc_t10dif pre: crct10dif` only
        makes it faster). Where a candidate is built in, or there is none on this kernel, there is no group.
        No hv_* module has softdeps. Those of candidates are not followed. FormatError as from `dependencies`.
        """
        answers = {asked: self.candidates(asked) for asked in names}
        sure = (found[0] for found in answers.values() if len(found) == 1)
        hard = self._with_dependencies(one.name for one in sure if isinstance(one, Loadable))
        groups = {asked: found for asked, found in answers.items() if len(found) > 1}
        for name in sorted(hard):
            for asked in self._softdeps.get(name, ()):
                groups.setdefault(asked, self.candidates(asked))
        every = [*answers.values(), *groups.values()]
        return Closure(
            modules=hard,
            groups=tuple(self._open(groups, hard)),
            builtin=frozenset(one.name for found in every for one in found if isinstance(one, Builtin)),
            unknown=tuple(asked for asked, found in answers.items() if not found),
        )

    def _with_dependencies(self, names: Iterable[str]) -> frozenset[str]:
        known: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in known:
                known.add(name)
                waiting.extend(self.dependencies(name))
        return frozenset(known)

    def _open(self, groups: Mapping[str, tuple[Resolution, ...]], hard: frozenset[str]) -> Iterator[AnyOf]:
        seen = set()
        for asked, found in groups.items():
            names = tuple(sorted(one.name for one in found))
            settled = any(isinstance(one, Builtin) or one.name in hard for one in found)
            if names and not settled and names not in seen:
                seen.add(names)
                yield AnyOf(asked, names, tuple(self._with_dependencies((name,)) for name in names))


def parse_module_index(
    dep: bytes, builtin: bytes = b"", softdep: bytes = b"", alias: bytes = b"", builtin_modinfo: bytes = b""
) -> ModuleIndex:
    r"""The index of a module directory from the content of modules.dep and what there is of the others.

    modules.builtin.modinfo is there since Linux 5.2; without it, what is built in has no aliases.
    modules.alias is parsed when a name that is no loadable module is first looked up.

    Raises FormatError with the line's number where modules.dep is garbled: with a dependency lost, answers
    would be wrong. What does not read in the other files is passed over, as modprobe does.

    >>> index = parse_module_index(b"kernel/a-b.ko.xz: kernel/c.ko\nkernel/c.ko:\n", b"kernel/d.ko\n")
    >>> index.path_of("a_b"), index.is_builtin("d"), sorted(index.closure(["a-b", "d", "e"]).modules)
    ('kernel/a-b.ko.xz', True, ['a_b', 'c'])
    """
    return ModuleIndex(
        _files=_parse_dep(_text(dep)),
        _builtin=frozenset(name for name in map(module_name, _text(builtin).split("\n")) if name),
        _softdeps=_parse_softdep(_text(softdep)),
        _alias_text=_text(alias),
        _builtin_aliases=_parse_modinfo(_text(builtin_modinfo)),
    )


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _parse_dep(text: str) -> Mapping[str, tuple[str, str]]:
    files = {}
    for number, line in enumerate(text.split("\n"), 1):
        path, colon, needed = line.partition(":")
        name = module_name(path)
        if name and colon:
            files[name] = (path, needed)
        elif line.strip() and not line.startswith("#"):
            raise FormatError(f"modules.dep does not read in line {number}: {line[:80]!r}", _DEPMOD)
    return files


def _parse_softdep(text: str) -> Mapping[str, tuple[str, ...]]:
    """`softdep NAME pre: A B post: C`: the names after "pre:".

    Only the first line of a module counts, as in libkmod (seen in kmod 30 and 34: of btrfs's four lines
    modprobe heeds one). Generators ask modprobe: an initrd without what the others name is as it should be.
    """
    softdeps: dict[str, tuple[str, ...]] = {}
    for line in text.split("\n"):
        words = line.split()
        if len(words) > 1 and words[0] == "softdep":
            _, _, before = " ".join(words[2:]).partition("pre: ")
            softdeps.setdefault(normalise_alias(words[1]), tuple(before.partition("post:")[0].split()))
    return softdeps


def _parse_aliases(text: str) -> Mapping[str, tuple[str, ...]]:
    """`alias ALIAS MODULE`; one alias may stand for several modules."""
    lines = (line.split() for line in text.split("\n"))
    return _group((words[1], words[2]) for words in lines if len(words) == 3 and words[0] == "alias")


def _parse_modinfo(text: str) -> Mapping[str, tuple[str, ...]]:
    """NUL-separated `module.key=value` (Documentation/kbuild/kbuild.rst); the aliases of what is built in."""
    entries = (entry.partition(".alias=") for entry in text.split("\0"))
    return _group((alias, module) for module, found, alias in entries if found and "=" not in module)


def _group(pairs: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    """Normalised alias to normalised modules."""
    modules: dict[str, list[str]] = {}
    for alias, module in pairs:
        modules.setdefault(normalise_alias(alias), []).append(module.replace("-", "_"))
    return {alias: tuple(names) for alias, names in modules.items()}
