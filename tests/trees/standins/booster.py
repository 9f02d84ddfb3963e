"""A stand-in for booster: modules lie flat in its images. It overwrites with --force only."""

from __future__ import annotations

import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = next(path for path in Path(sys.argv[0]).parents if (path / "boot").is_dir())
sys.path.insert(0, f"{ROOT}/usr/share/stand-in")
from tests.trees.standins.initrd_generator import Modules, archive, close, fault, without  # noqa: E402

SPACE = ("init", "etc/booster.init.yaml", "usr/lib/modules/booster.alias")
DISKS = ("ahci", "hv_storvsc", "hv_vmbus", "nvme", "sd_mod", "virtio_blk", "virtio_scsi")
HERE = ("virtio_blk",)


def main() -> None:
    verb, *words = sys.argv[1:]
    output, version = ROOT / words[-1][1:], words[words.index("--kernel-version") + 1]
    if verb != "build" or (output.exists() and "--force" not in words):
        raise SystemExit(f"File {output} exists, please specify --force if you want to overwrite it")
    conf = (ROOT / "etc/booster.yaml").read_text().splitlines()
    settings = dict(line.split(": ", 1) for line in conf if ": " in line and not line.startswith("#"))
    is_universal = "--universal" in words or settings.get("universal") == "true"
    modules = Modules(ROOT, version)
    asked = settings.get("modules", "").replace(",", " ").split()
    for each in asked:
        if not modules.find(each):
            raise SystemExit(f"Unable to find module '{each}'")
    disks = [name for name in (DISKS if is_universal else HERE) if name in modules.needs]
    found = modules.with_needed([*disks, "ext4", *(name for each in asked for name in modules.find(each))])
    drivers = without(modules.members(found))
    flat = {
        f"usr/lib/modules/{Path(path).name.partition('.ko')[0]}.ko": text for path, text in drivers.items()
    }
    if fault() != "nothing":
        output.write_bytes(close("gzip", archive({**dict.fromkeys(SPACE, b"made up\n"), **flat})))


if __name__ == "__main__":
    main()
