"""A stand-in for depmod: what modules need is in /usr/share/stand-in/needs, as modules.dep has it."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = next(path for path in Path(sys.argv[0]).parents if (path / "boot").is_dir())


def main() -> None:
    option, version = sys.argv[1:]
    directory = ROOT / "usr/lib/modules" / version
    needs = ROOT / "usr/share/stand-in/needs"
    known = dict(line.split(":", 1) for line in (needs.read_text().splitlines() if needs.exists() else []))
    files = sorted(str(path.relative_to(directory)) for path in directory.rglob("*.ko*"))
    lines = [f"{path}:{known.get(path, '')}\n" for path in files]
    if option != "-a":
        raise SystemExit(f"depmod: {option}?")
    for name, text in (("dep", "".join(lines)), ("dep.bin", "made up\n"), ("symbols", "# made up\n")):
        beside = directory / f"modules.{name}.new"
        beside.write_text(text)
        beside.rename(directory / f"modules.{name}")


if __name__ == "__main__":
    main()
