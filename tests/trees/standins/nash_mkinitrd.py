"""A stand-in for mkinitrd of EL 5, whose images load by a script for nash what lies flat in /lib.

Its traps: only what init names with insmod is loaded; init looks for the root volume where the machine that
mkinitrd runs on has it: /usr/share/stand-in/root-device, where that is another one than fstab's.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = next(path for path in Path(sys.argv[0]).parents if (path / "boot").is_dir())
sys.path.insert(0, f"{ROOT}/usr/share/stand-in")
from tests.trees.standins.initrd_generator import Modules, archive, close, fail, fault, without  # noqa: E402

SPACE = ("bin/nash", "bin/insmod", "sbin/modprobe")


def main() -> None:
    words = sys.argv[1:]
    output, version = ROOT / words[-2][1:], words[-1]
    if output.exists() and "-f" not in words:
        fail(f"{words[-2]} already exists.")
    modules = Modules(ROOT, version)
    first = [word.partition("=")[2] for word in words if word.startswith("--preload=")]
    last = [word.partition("=")[2] for word in words if word.startswith("--with=")]
    conf = (ROOT / "etc/modprobe.conf").read_text()
    disks = re.findall(r"^alias\s+scsi_hostadapter\d*\s+(\S+)", conf, re.MULTILINE)
    (line,) = [
        line.split() for line in (ROOT / "etc/fstab").read_text().splitlines() if line.split()[1:2] == ["/"]
    ]
    ordered = [name for each in (*first, *disks, "sd_mod", line[2], *last) for name in needed(modules, each)]
    drivers = without(modules.members(ordered))
    flat = {f"lib/{Path(path).name}": content for path, content in drivers.items()}
    loaded = [f"insmod /lib/{name}.ko" for name in dict.fromkeys(ordered) if f"lib/{name}.ko" in flat]
    if fault() == "not-loaded":
        loaded = [line for line in loaded if "hv_" not in line]
    device = ROOT / "usr/share/stand-in/root-device"
    root = device.read_text().strip() if device.exists() else line[0]
    script = [
        "#!/bin/nash",
        "mount -t proc /proc /proc",
        *loaded,
        f"mkrootdev -t {line[2]} -o ro {root}",
        "switchroot",
    ]
    init = "".join(f"{line}\n" for line in script).encode()
    if fault() != "nothing":
        image = archive({"init": init, **dict.fromkeys(SPACE, b"made up\n"), **flat})
        output.write_bytes(close("gzip", image))
        output.chmod(0o600)


def needed(modules: Modules, name: str) -> list[str]:
    """What has to be loaded for a module, itself last."""
    if not modules.find(name):
        fail(f"No module {name} found for kernel {modules.directory.name}, aborting.")
    return [*sorted(modules.with_needed([name]) - {name}), name]


if __name__ == "__main__":
    main()
