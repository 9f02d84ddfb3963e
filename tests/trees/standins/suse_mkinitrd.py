"""A stand-in for mkinitrd of SLES 11. Lists of names in /boot pair; without -B it changes menu.lst."""

from __future__ import annotations

import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = next(path for path in Path(sys.argv[0]).parents if (path / "boot").is_dir())
sys.path.insert(0, f"{ROOT}/usr/share/stand-in")
from tests.trees.standins.initrd_generator import Modules, archive, close, fail, fault, source, without  # noqa: E402

SPACE = ("init", "bin/sh", "bin/bash", "sbin/udevadm", "lib/libc.so.6", "run_all.sh")


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "-B"]
    options = dict(zip(words[::2], words[1::2]))
    kernels, initrds = options["-k"].split(), options["-i"].split()
    settings = source("bash", [ROOT / "etc/sysconfig/kernel"], ["INITRD_MODULES"])
    for kernel, initrd in zip(kernels, initrds):
        if "/" in kernel + initrd or not (ROOT / "boot" / kernel).exists():
            fail(f"{kernel} {initrd}: no names in /boot")
        modules = Modules(ROOT, kernel.partition("-")[2])
        asked = settings["INITRD_MODULES"].split()
        missing = [name for name in asked if not modules.find(name)]
        if missing:
            fail(f"modules {' '.join(missing)} not found")
        drivers = without(modules.members(modules.with_needed([*asked, "ext3"])))
        image = close("gzip", archive({**dict.fromkeys(SPACE, b"made up\n"), **drivers}))
        if fault() != "nothing":
            (ROOT / "boot" / initrd).write_bytes(image)
    if "-B" not in sys.argv:
        with (ROOT / "boot/grub/menu.lst").open("a") as menu:
            menu.write("# update-bootloader was here\n")


if __name__ == "__main__":
    main()
