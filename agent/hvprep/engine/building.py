"""Makes a generated file: beside the old one, judged, then renamed over it.

Nothing but our own rename ever touches the final path. dracut before 107 rewrites an existing initrd in
place and deletes it when /boot is full; grub-mkconfig truncates grub.cfg while it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hvprep.engine.execution import Execution, Judge, expect_file, make_parents, touched_by
from hvprep.engine.journal import remove_below
from hvprep.errors import ChangeFailed, CommandFailed, FormatError, Refusal
from hvprep.model.change import (
    BACKUP_SUFFIX,
    CANDIDATE,
    CANDIDATE_NAME,
    SCRATCH,
    Build,
    change_to_json,
)
from hvprep.model.document import as_name_below
from hvprep.model.node import GuestPath, Kind, Node
from hvprep.model.snapshot import Snapshot, snapshot_to_json
from hvprep.system.machine import Machine, take_snapshot
from hvprep.system.root import Root
from hvprep.system.volumes import settle

_NEW_FILE = Node(Kind.FILE, 0o644, 0, 0)
CHECK_TIMEOUT_S = 120


def candidate_of(target: GuestPath, transaction_id: str) -> GuestPath:
    """Where a new `target` is built: hidden, so that no boot loader takes it for a kernel or an initrd."""
    return target.parent / f".{target.name}.hvprep-{transaction_id}"


def backup_of(target: GuestPath) -> GuestPath:
    """The name under which the old file stays, for a person at the GRUB prompt."""
    return target.parent / (target.name + BACKUP_SUFFIX)


def build(execution: Execution, change: Build) -> None:
    """Build, judge, back up, rename. Raises HvprepError, with the old file untouched."""
    machine, journal = execution.machine, execution.journal
    root = machine.root
    (target,) = touched_by(root, change)
    expect_file(execution, target)
    make_parents(execution, target.parent)
    candidate = candidate_of(target, journal.id)
    journal.add("building", candidate=str(candidate))
    try:
        try:
            generate(machine, change, candidate, journal.scratch, execution.judges)
        except (ChangeFailed, CommandFailed) as error:
            if change.otherwise is None:
                raise
            execution.on_action(f"{error.sentence}; the old file is edited instead")
            remove_candidates(root, candidate)
            root.put(candidate, change.otherwise.content, _NEW_FILE)
            accept(machine, change, candidate, execution.judges)
        before = expect_file(execution, target)
        _install(execution, replace(change, otherwise=None), candidate, target, before)
    finally:
        remove_candidates(root, candidate)
        remove_below(root, journal.scratch)


def generate(
    machine: Machine, change: Build, candidate: GuestPath, scratch: GuestPath, judges: Mapping[str, Judge]
) -> None:
    """Run the generator into `candidate` and have it judged. Raises CommandFailed, ChangeFailed."""
    _lay_out(machine.root, change, scratch)
    words = {CANDIDATE: str(candidate), CANDIDATE_NAME: candidate.name, SCRATCH: str(scratch)}
    argv = [fill_words(word, words) for word in change.argv]
    machine.runner.check(argv, change.timeout_s, (("TMPDIR", str(scratch)), *change.env))
    accept(machine, change, candidate, judges)


def fill_words(text: str, words: Mapping[str, str]) -> str:
    """`text` with what the placeholders of a Build stand for."""
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text


def accept(machine: Machine, change: Build, candidate: GuestPath, judges: Mapping[str, Judge]) -> None:
    """Raise ChangeFailed unless the candidate exists and its check and its judge are content with it."""
    node = machine.root.node(candidate)
    if node is None or node.kind is not Kind.FILE or node.size == 0:
        raise ChangeFailed(f"{change.argv[0]} ended without an error, yet made no file for {change.target}")
    if change.check:
        argv = [word.replace(CANDIDATE, str(candidate)) for word in change.check]
        machine.runner.check(argv, CHECK_TIMEOUT_S)
    try:
        problems = judges[change.judge](machine.root, candidate, change)
    except FormatError as error:
        problems = (error.sentence,)
    if problems:
        raise ChangeFailed(f"the new {change.target} is not used: {'; '.join(problems)}")


def remove_candidates(root: Root, candidate: GuestPath) -> None:
    """Remove a candidate and what its generator put beside it under a longer name (grub.cfg's .new)."""
    for name in root.names(candidate.parent):
        if name.startswith((candidate.name, "." + candidate.name)):
            remove_below(root, candidate.parent / name)
            root.remove(candidate.parent / name)


def _lay_out(root: Root, change: Build, scratch: GuestPath) -> None:
    for name in (*(name for _, name in change.copy), *(name for name, _ in change.scratch)):
        try:
            as_name_below(name)
        except ValueError as error:
            raise Refusal(
                f"the plan for {change.target} would leave its scratch directory: {error}"
            ) from None
    for source, name in change.copy:
        _copy_tree(root, source, scratch / name)
    for name, text in change.scratch:
        root.put(scratch / name, text.encode("utf-8", "surrogateescape"), _NEW_FILE)


def _copy_tree(root: Root, source: GuestPath, target: GuestPath) -> None:
    """Copy a directory of configuration; links are followed inside the root, what is no file is left out."""
    root.make_directory(target)
    for name in sorted(root.names(source)):
        resolved = root.resolve(source / name)
        node = root.node(resolved)
        if node is not None and node.kind is Kind.DIRECTORY:
            _copy_tree(root, resolved, target / name)
        elif node is not None and node.kind is Kind.FILE:
            with root.open(resolved) as stream:
                root.put(target / name, stream, Node(Kind.FILE, node.mode, 0, 0))


def _install(
    execution: Execution, change: Build, candidate: GuestPath, target: GuestPath, before: Snapshot | None
) -> None:
    """Dress the candidate as the old file, journal, keep the old file under its backup name, rename."""
    root, journal = execution.machine.root, execution.journal
    if before is not None:
        root.dress(candidate, before.as_node())
    root.sync(candidate)
    backup = backup_of(target) if before is not None and execution.backups else None
    if backup is not None:
        _journal_backup(execution, backup, before)
    else:
        journal.keep(target, before)
    after = take_snapshot(root, candidate)
    journal.add(
        "change",
        path=str(target),
        before=snapshot_to_json(before),
        after=snapshot_to_json(after),
        why=change.why,
        build=change_to_json(change),
    )
    if backup is not None:
        _back_up(root, target, backup)
    root.rename(candidate, target)
    execution.expected[target] = after
    settle(root, target.parent)


def _journal_backup(execution: Execution, backup: GuestPath, before: Snapshot | None) -> None:
    """The backup's name is about to get the old file; an older backup there moves into the journal."""
    displaced = take_snapshot(execution.machine.root, backup)
    execution.journal.keep(backup, displaced)
    execution.journal.add(
        "change",
        path=str(backup),
        before=snapshot_to_json(displaced),
        after=snapshot_to_json(before),
        why="the old file, to be picked from the boot loader's prompt",
        ours=True,
    )


def _back_up(root: Root, target: GuestPath, backup: GuestPath) -> None:
    root.remove(backup)
    try:
        root.hard_link(target, backup)
    except OSError:  # a file system without hard links: vfat
        node = root.node(target)
        with root.open(target) as stream:
            root.put(backup, stream, node or _NEW_FILE)
