"""Parts of systems, in the words of tests/trees/tree.py."""

from __future__ import annotations

SYSTEMD = "file /usr/lib/systemd/system/basic.target\n"


def started(unit: str) -> str:
    """A service of systemd that boot starts."""
    wants = f"/etc/systemd/system/multi-user.target.wants/{unit}.service"
    return f"file /usr/lib/systemd/system/{unit}.service\n|[Unit]\nlink {wants} ../{unit}.service\n"


def file(path: str, text: str) -> str:
    """A file with these lines."""
    return f"file {path}\n" + "".join(f"|{line}\n" for line in text.split("\n"))
