"""/proc/PID/mountinfo: what is mounted where, with the numbers of the devices (proc_pid_mountinfo(5)).

>>> parse('36 35 8:17 / /mnt/a\\\\040b rw,noatime shared:1 - ext4 /dev/sdb1 rw,discard\\n')[0].mountpoint
'/mnt/a b'
"""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.formats.fstab import decode_field


@dataclass(frozen=True)
class MountLine:
    """One mount. `root` is the directory of the file system that is seen; options of mount and superblock."""

    device_number: str
    root: str
    mountpoint: str
    options: tuple[str, ...]
    fstype: str
    source: str


def parse(text: str) -> tuple[MountLine, ...]:
    """The mounts in their order. Lines that are none are passed over."""
    return tuple(line for line in map(_parse_line, text.split("\n")) if line is not None)


def _parse_line(line: str) -> MountLine | None:
    before, _, after = line.partition(" - ")  # any number of optional fields stand before the hyphen
    fields, rest = before.split(" "), after.split(" ")
    if len(fields) < 6 or len(rest) < 3:
        return None
    options = dict.fromkeys((*fields[5].split(","), *rest[2].split(",")))
    return MountLine(
        fields[2],
        decode_field(fields[3]),
        decode_field(fields[4]),
        tuple(options),
        rest[0],
        decode_field(rest[1]),
    )
