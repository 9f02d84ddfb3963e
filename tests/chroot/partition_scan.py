"""Stands in for the kernel, which reads no partition table here (test-machine.md): blockdev --rereadpt.

    python3 partition_scan.py STATE [--rereadpt] /dev/loopN

For every partition that the real sfdisk lists on the disk it sets a loop device up, and shows it in the tree
of /sys that STATE names, as the kernel would; what was there before goes first.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, List


def main(state: Path, disk: str) -> int:
    nodes = state / "partitions"
    shown = Path((state / "sysfs").read_text())
    for line in nodes.read_text().split() if nodes.exists() else ():
        subprocess.run(["losetup", "--detach", line], check=True)
    for old in shown.glob("*/partition"):
        shutil.rmtree(old.parent)
    made: List[str] = []
    for number, part in enumerate(partitions(disk), 1):
        offset, size = part["start"] * 512, part["size"] * 512
        node = output("losetup", "-f", "--show", "-o", str(offset), "--sizelimit", str(size), disk)
        made.append(node)
        nodes.write_text("\n".join(made))
        minor = node[len("/dev/loop") :]
        directory = shown / f"{shown.name}{number}"
        directory.mkdir()
        for name, text in {
            "partition": str(number),
            "start": str(part["start"]),
            "size": str(part["size"]),
            "dev": f"7:{minor}",
            "uevent": f"MAJOR=7\nMINOR={minor}\nDEVNAME=loop{minor}\nDEVTYPE=partition",
        }.items():
            (directory / name).write_text(f"{text}\n")
        (directory / "holders").mkdir()
    nodes.write_text("\n".join(made))
    return 0


def partitions(disk: str) -> List[Any]:
    done = subprocess.run(["/usr/sbin/sfdisk", "--json", disk], capture_output=True, text=True, check=False)
    return list(json.loads(done.stdout)["partitiontable"]["partitions"]) if done.returncode == 0 else []


def output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[-1]))
