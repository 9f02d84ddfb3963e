"""What must be on the disk before what: the order that a power cut cannot break, read from the trace.

SIGKILL leaves the page cache alone; that a record, a copy or a new file is really on the disk when the next
thing happens, only the order of the fsyncs tells.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, Iterator, List, Set

from hvprep.engine.building import backup_of, candidate_of
from hvprep.model.node import GuestPath
from hvprep.system.names import temporary_name

from tests.laws.crashes import Trace
from tests.laws.machines import fresh_directory, make, open_machine, take_back
from tests.laws.scenario import first_changes, plant, second_changes

STATE = GuestPath("/var/lib/hvprep")
#: Gives a path its new content, or takes it away.
DECISIVE = ("rename", "mkdir", "remove", "link", "dress")


class Watch:
    """Sees each mutation as it comes, with what the journal on the disk says at that moment."""

    def __init__(self, host_path: Path) -> None:
        self.host_path = host_path
        self.trace: Trace = []
        self.log_is_synced = True
        self.unsafe: List[str] = []

    def __call__(self, operation: str, path: GuestPath) -> None:
        if path.name == "log.jsonl":
            self.log_is_synced = operation == "fsync"
        elif STATE not in path.parents and path != STATE:
            self._look_at(operation, path)
        self.trace.append((operation, path))

    def _look_at(self, operation: str, path: GuestPath) -> None:
        if not self.log_is_synced:
            self.unsafe.append(f"{operation} {path} while a record is not on the disk")
        if operation in DECISIVE and not any(path in names for names in self._recorded()):
            self.unsafe.append(f"{operation} {path}, which no record names")

    def _recorded(self) -> Iterator[Set[GuestPath]]:
        for log in self.host_path.glob("var/lib/hvprep/journal/*/log.jsonl"):
            for line in log.read_text().splitlines():
                record = json.loads(line)
                for item in record.get("paths", [record]):
                    if "path" in item:
                        path = GuestPath(item["path"])
                        yield {path, temporary_name(path), candidate_of(path, log.parent.name)}


def traced(host: Path) -> Watch:
    """Two preparations and the rollback of both."""
    plant(host)
    watch = Watch(host)
    make(open_machine(host, watch), first_changes())
    make(open_machine(host, watch), second_changes())
    take_back(open_machine(host, watch), "0001")
    return watch


def test_a_record_is_on_the_disk_before_the_change_it_describes() -> None:
    with fresh_directory() as host:
        watch = traced(host)
        assert len(watch.trace) > 200
        candidates = [
            line for line in watch.unsafe if ".hvprep-000" in line and "which no record names" in line
        ]
        assert [line for line in watch.unsafe if line not in candidates] == []
        assert all("dress" in line for line in candidates), "a candidate is only dressed before its record"


def test_a_file_is_on_the_disk_before_it_gets_its_name() -> None:
    with fresh_directory() as host:
        synced: Dict[GuestPath, bool] = {}
        renamed = 0
        for operation, path in traced(host).trace:
            if operation in ("create", "dress"):
                synced[path] = False
            elif operation == "fsync":
                synced[path] = True
            elif operation == "rename":
                renamed += 1
                sources = (temporary_name(path), candidate_of(path, "0001"), candidate_of(path, "0002"))
                assert all(synced.get(source, True) for source in sources), f"{path} was not synced"
        assert renamed > 20


def test_a_new_name_is_on_the_disk_before_the_next_record() -> None:
    with fresh_directory() as host:
        waiting: Set[GuestPath] = set()
        for operation, path in traced(host).trace:
            if operation in ("rename", "link", "remove", "mkdir"):
                waiting.add(path.parent)
            elif operation == "fsync-directory":
                waiting.discard(path)
            elif operation == "append":
                assert waiting == set(), f"not on the disk yet when a record is written: {waiting}"


def test_a_copy_is_on_the_disk_before_the_record_that_refers_to_it() -> None:
    """Every file that a record says was there is kept: as a blob, or under its backup name later."""
    with fresh_directory() as host:
        plant(host)
        kept: Set[str] = set()
        referred = 0

        def observe(operation: str, path: GuestPath) -> None:
            nonlocal referred
            if operation == "fsync-directory" and path.name == "blobs":
                kept.update(each.name for each in (host / str(path)[1:]).iterdir())
            if operation == "fsync" and path.name == "log.jsonl":
                record = json.loads((host / str(path)[1:]).read_text().splitlines()[-1])
                for item in record.get("paths", [record]):
                    digest = (item.get("before") or {}).get("digest")
                    if digest is not None and "build" not in record:
                        referred += 1
                        assert digest in kept, f"{item['path']} has no copy"

        make(open_machine(host, observe), first_changes())
        make(open_machine(host, observe), second_changes())
        assert referred == 9


def test_the_old_image_has_its_second_name_before_the_new_one_takes_the_first() -> None:
    with fresh_directory() as host:
        names = [
            (operation, path) for operation, path in traced(host).trace if operation in ("link", "rename")
        ]
        target = GuestPath("/boot/image")
        first = names.index(("link", backup_of(target)))
        assert names[first + 1] == ("rename", target)
