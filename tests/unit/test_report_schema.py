"""The schema of `check --json` is one, and its words are those of the model."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hvprep.facts.platform import PlatformKind
from hvprep.model.change import _KINDS
from hvprep.model.finding import Severity, Verdict
from jsonschema import Draft202012Validator

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "conf/report.schema.json").read_text("utf-8")
)

REPORT: dict[str, Any] = {
    "version": 1,
    "hvprep": "0.1.0",
    "root": "/mnt/image",
    "mode": "offline",
    "machine": {
        "profile": "azure",
        "generations": {"numbers": [1], "because": "GRUB legacy in /boot/grub/grub.conf"},
        "platform": None,
        "architecture": {"name": "x86_64", "because": "/bin/sh is an ELF file for it"},
        "boot_loader": {"name": "grub2", "because": "/boot/grub/grub.cfg"},
        "initrd_generators": [{"name": "dracut", "because": "/usr/bin/dracut"}],
        "kernels": [{"name": "6.1.0-18-amd64", "because": "/boot/vmlinuz-6.1.0-18-amd64 and its modules"}],
    },
    "findings": [
        {
            "id": "initrd-drivers",
            "title": "The initrd holds the Hyper-V drivers",
            "severity": "required",
            "verdict": "not met",
            "because": ["hv_vmbus is not in /boot/initrd.img-6.1.0-18-amd64"],
            "remedy": "hvprep prepare",
            "source": "Information for non-endorsed distributions",
            "changes": [
                {"kind": "write", "target": "/etc/dracut.conf.d/hvprep.conf", "why": "so", "diff": "+a\n"},
                {"kind": "build", "target": "/boot/initrd", "argv": ["dracut"], "why": "so", "diff": None},
                {"kind": "run", "argv": ["update-grub"], "why": "so", "diff": None},
            ],
        }
    ],
    "summary": {"met": 0, "not met": 1, "not assessed": 0, "not applicable": 0},
    "exit_status": 3,
}
PLATFORM = {"kind": "azure", "hypervisor": "Hyper-V", "generation": 2, "because": "DMI"}


def is_valid(*changes: tuple[tuple[Any, ...], Any]) -> bool:
    report = copy.deepcopy(REPORT)
    for path, value in changes:
        place = report
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
    return Draft202012Validator(SCHEMA).is_valid(report)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_report_satisfies_it() -> None:
    assert is_valid()
    assert is_valid((("mode",), "live"), (("machine", "platform"), PLATFORM))


@pytest.mark.parametrize("field", SCHEMA["required"])
def test_no_field_may_be_missing(field: str) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid({name: REPORT[name] for name in REPORT if name != field})


CHANGE = ("findings", 0, "changes", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("extra",), 1),
        (("root",), "image"),
        (("machine", "platform"), {**PLATFORM, "generation": 3}),
        (("machine", "platform"), {**PLATFORM, "kind": "kvm"}),
        (("machine", "kernels"), ["6.1"]),
        (("findings", 0, "verdict"), "unmet"),
        (("findings", 0, "id"), "Initrd drivers"),
        (("findings", 0, "because"), "a string"),
        (("summary", "met"), -1),
        (("exit_status",), 2),
        (CHANGE, {"kind": "write", "why": "so", "diff": None}),
        (CHANGE, {"kind": "write", "target": "/a", "argv": ["b"], "why": "so", "diff": None}),
        (CHANGE, {"kind": "run", "why": "so", "diff": None}),
        (CHANGE, {"kind": "run", "target": "/a", "argv": ["b"], "why": "so", "diff": None}),
        (CHANGE, {"kind": "build", "target": "/a", "why": "so", "diff": None}),
        (CHANGE, {"kind": "write", "target": "/a", "why": "so", "diff": None, "content": "secret"}),
    ],
)
def test_what_is_no_report(path: tuple[Any, ...], value: Any) -> None:
    assert not is_valid((path, value))


def test_the_words_are_those_of_the_model() -> None:
    defs = SCHEMA["$defs"]
    assert defs["platform"]["properties"]["kind"]["enum"] == [kind.value for kind in PlatformKind]
    assert defs["finding"]["properties"]["severity"]["enum"] == [severity.value for severity in Severity]
    assert defs["finding"]["properties"]["verdict"]["enum"] == [verdict.value for verdict in Verdict]
    assert SCHEMA["properties"]["summary"]["required"] == [verdict.value for verdict in Verdict]
    assert defs["change"]["properties"]["kind"]["enum"] == list(_KINDS)
