"""A stand-in for Alpine's mkinitfs. Its trap: it removes the output first."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = next(path for path in Path(sys.argv[0]).parents if (path / "boot").is_dir())
sys.path.insert(0, f"{ROOT}/usr/share/stand-in")
from tests.trees.standins.initrd_generator import Modules, archive, close, fault, name_of, without  # noqa: E402

SPACE = ("init", "bin/busybox", "bin/sh", "sbin/nlplug-findfs", "etc/modules")


def main() -> None:
    option, output, version = sys.argv[1:]
    if option != "-o":
        raise SystemExit(f"unknown option {option}")
    (ROOT / output[1:]).unlink(missing_ok=True)
    conf = (ROOT / "etc/mkinitfs/mkinitfs.conf").read_text()
    match = re.search(r'^features="(.*)"$', conf, re.MULTILINE)
    modules = Modules(ROOT, version)
    wanted = []
    for feature in match[1].split() if match else []:
        path = ROOT / f"etc/mkinitfs/features.d/{feature}.modules"
        for pattern in path.read_text().split("\n") if path.exists() else []:
            if not pattern or pattern.startswith("#"):
                continue
            for file in modules.directory.glob(pattern):
                files = file.rglob("*.ko*") if file.is_dir() else [file]
                wanted += [name_of(each.name) for each in files]
    drivers = without(modules.members(modules.with_needed(wanted)))
    if fault() != "nothing":
        image = close("gzip", archive({**dict.fromkeys(SPACE, b"made up\n"), **drivers}))
        (ROOT / output[1:]).write_bytes(image)


if __name__ == "__main__":
    main()
