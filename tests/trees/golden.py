"""Golden files: what hvprep is expected to say and do, as it lies in golden/NAME/.

    HVPREP_GOLDEN=write ./dev test trees

writes them anew instead of comparing; the reviewer's eye is on the diff of the repository then.
"""

from __future__ import annotations

import base64
import copy
import json
import os
from pathlib import Path
from typing import Any, Dict, Mapping

GOLDEN = Path(__file__).with_name("golden")
_MIB = 1024 * 1024


def compare(name: str, text: str) -> None:
    """Fail where golden/`name` is not `text`; pytest shows the difference."""
    path = GOLDEN / name
    if os.environ.get("HVPREP_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path}: see golden.py"


def shown(document: Any) -> str:
    """JSON, the same on every machine."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def portable_report(report: Mapping[str, Any]) -> Dict[str, Any]:
    """Without the directory of the test and the version of hvprep."""
    return {**report, "root": "/ROOT", "hvprep": "0.0.0"}


def portable_plan(plan: Mapping[str, Any]) -> Dict[str, Any]:
    """With texts as lines, sizes in MiB, and without the digests of what was compressed on this machine."""
    document: Dict[str, Any] = copy.deepcopy(dict(plan))
    for item in document["changes"]:
        _make_portable(item["change"])
    for path, state in document["before"].items():
        if path.startswith(("/boot/", "/efi/")) and "/init" in path and state is not None:
            state["digest"] = "(of an image that was compressed on this machine)"
    return document


def _make_portable(change: Dict[str, Any]) -> None:
    if "content" in change:
        change["content"] = base64.b64decode(change["content"]["base64"]).decode().splitlines()
    for key in ("size_bytes", "scratch_bytes"):
        if key in change:
            change[key] = f"{-(-change[key] // _MIB)} MiB"
    if "otherwise" in change:
        _make_portable(change["otherwise"])
