"""A stand-in for visudo: refuses a file with NOSUCHWORD in it, and one that others may read meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = next(path for path in Path(sys.argv[0]).parents if (path / "etc").is_dir())


def main() -> None:
    check, option, name = sys.argv[1:]
    path = ROOT / name[1:]
    if (check, option) != ("-c", "-f") or path.stat().st_mode & 0o077:
        raise SystemExit("usage: visudo -c -f FILE")
    if "NOSUCHWORD" in path.read_text():
        raise SystemExit(f"{name}:1:1: syntax error")


if __name__ == "__main__":
    main()
