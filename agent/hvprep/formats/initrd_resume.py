"""From which device an initrd tries to resume a hibernated system: it waits for that one at every boot.

Each generator has a place of its own for the name: initramfs-tools RESUME in its configuration, which is
copied into the image, or in conf.d/zz-resume-auto (its hooks/resume); dracut a kernel parameter in
etc/cmdline.d (its 95resume); the mkinitrd of EL 5 a line of its nash script `init`. The others go by the
kernel's own command line only.

>>> text = 'MODULES=most\\nRESUME=UUID=1-2\\n'
>>> assigned_resume(text), assigned_resume('RESUME="none"'), assigned_resume('BUSYBOX=y')
('UUID=1-2', 'none', None)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hvprep.formats import kernel_cmdline
from hvprep.formats.initrd_image import InitrdContents

#: No device: "auto" is what the hook puts the answer in zz-resume-auto for.
NO_DEVICE = ("", "none", "auto")

_ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?RESUME=([\"']?)([^\"'\s;#&|$`]*)\1", re.MULTILINE)
_NASH = re.compile(r"^[ \t]*resume[ \t]+(\S+)", re.MULTILINE)
_CONF = re.compile(r"conf/conf\.d/[^/]+")
_CMDLINE = re.compile(r"etc/cmdline\.d/[^/]+\.conf")


def resume_devices(contents: InitrdContents) -> tuple[str, ...]:
    """The devices, as they are written in the image. An image that was not read whole may have others."""
    texts = {name: content.decode("utf-8", "surrogateescape") for name, content in contents.files.items()}
    found = (*_initramfs_tools(texts), *_dracut(texts), *_nash(texts))
    return tuple(dict.fromkeys(name for name in found if name not in NO_DEVICE))


def assigned_resume(text: str) -> str | None:
    """The last value of RESUME in a configuration file of initramfs-tools; None where it has none."""
    values = [value for _, value in _ASSIGNMENT.findall(text)]
    return values[-1] if values else None


def _initramfs_tools(texts: dict[str, str]) -> Iterator[str]:
    """init sources conf/initramfs.conf, then conf/conf.d/*: the last one counts."""
    names = ["conf/initramfs.conf", *sorted(name for name in texts if _CONF.fullmatch(name))]
    values = [
        value for value in (assigned_resume(texts.get(name, "")) for name in names) if value is not None
    ]
    yield from values[-1:]


def _dracut(texts: dict[str, str]) -> Iterator[str]:
    words = [
        word
        for name in sorted(texts)
        if _CMDLINE.fullmatch(name)
        for line in texts[name].splitlines()
        for word in kernel_cmdline.parse(line).words
    ]
    if "noresume" not in words:
        yield from filter(None, [kernel_cmdline.last_value(words, "resume")])


def _nash(texts: dict[str, str]) -> Iterator[str]:
    script = texts.get("init", "")
    if script.startswith("#!/bin/nash"):
        yield from _NASH.findall(script)
