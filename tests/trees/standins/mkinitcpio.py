"""A stand-in for mkinitcpio (38 and later; a tree may take its knowledge of mkinitcpio.conf.d away).

Its traps: drop-ins are read with the default configuration only; the hook autodetect leaves out what the
machine has no device for; a module that is not there ends it with status 1, the image made all the same.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import List

sys.dont_write_bytecode = True
ROOT = next(path for path in Path(sys.argv[0]).parents if (path / "boot").is_dir())
sys.path.insert(0, f"{ROOT}/usr/share/stand-in")
from tests.trees.standins.initrd_generator import Modules, archive, close, fault, without  # noqa: E402

SPACE = ("init", "usr/bin/busybox", "usr/bin/sh", "usr/bin/udevadm", "usr/lib/libc.so.6", "VERSION")
DISKS = ("ahci", "hv_storvsc", "hv_vmbus", "nvme", "sd_mod", "virtio_blk", "virtio_scsi")
HERE = ("virtio_blk",)


def array(name: str, files: List[Path]) -> List[str]:
    script = 'for f in "$@"; do . "$f"; done; printf "%s\\n" "${' + name + '[@]}"'
    argv = ["bash", "-c", script, "bash", *map(str, files)]
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout.split()


def main() -> None:
    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    files = [ROOT / options.get("-c", "/etc/mkinitcpio.conf")[1:]]
    if "-c" not in options:
        files += sorted(ROOT.glob("etc/mkinitcpio.conf.d/*.conf"))
    modules = Modules(ROOT, options["-k"])
    asked, hooks = array("MODULES", files), array("HOOKS", files)
    found = [name for each in asked for name in modules.find(each)]
    is_host_only = "autodetect" in hooks and options.get("-S") != "autodetect"
    disks = [name for name in (HERE if is_host_only else DISKS) if name in modules.needs]
    drivers = without(modules.members(modules.with_needed([*found, *disks, "ext4"])))
    if fault() == "nothing":
        return
    image = close("gzip", archive({**dict.fromkeys(SPACE, b"made up\n"), **drivers}))
    (ROOT / options["-g"][1:]).write_bytes(image)
    for each in asked:
        if not modules.find(each):
            raise SystemExit(f"==> ERROR: module not found: '{each}'")


if __name__ == "__main__":
    main()
