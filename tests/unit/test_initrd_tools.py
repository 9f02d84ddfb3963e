"""Which generator of initrds a system has, told by its files and by what its kernel packages call."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from hvprep.facts.initrd_tools import Generator, probe_initrd_tools
from hvprep.model.node import GuestPath
from hvprep.system.root import Root

from tests.trees.tree import add_to_tree

MKINITRAMFS = "elf /usr/sbin/mkinitramfs x86_64\n"
DEBIAN_HOOK = "file /etc/kernel/postinst.d/initramfs-tools 755\n|#!/bin/sh\n"
DRACUT = "elf /usr/bin/dracut x86_64\nfile /usr/lib/dracut/dracut-version.sh\n|DRACUT_VERSION=059-4\n"
DRACUT_PLUGIN = "file /usr/lib/kernel/install.d/50-dracut.install 755\n|x\n"
MKINITCPIO = "elf /usr/bin/mkinitcpio x86_64\nfile /etc/mkinitcpio.conf\n|MODULES=()\n"
MKINITCPIO_HOOK = "file /usr/share/libalpm/hooks/90-mkinitcpio-install.hook\n|x\n"
MKINITCPIO_PLUGIN = "file /usr/lib/kernel/install.d/50-mkinitcpio.install 755\n|x\n"
BOOSTER = "elf /usr/bin/booster x86_64\n"
BOOSTER_HOOK = "file /usr/share/libalpm/hooks/90-booster-install.hook\n|x\n"
MKINITFS = "elf /sbin/mkinitfs x86_64\n"
MKINITFS_CONF = 'file /etc/mkinitfs/mkinitfs.conf\n|features=""\n'
NASH = "file /sbin/mkinitrd 755\n|#!/bin/bash\n|echo '#!/bin/nash' > init\n"
WRAPPER = "file /sbin/mkinitrd 755\n|#!/bin/bash\n|exec dracut\n"
SUSE = "file /sbin/mkinitrd 755\n|#!/bin/bash\ndir /lib/mkinitrd/scripts\n"


def names(tmp_path: Path, text: str) -> List[str]:
    add_to_tree(tmp_path, text)
    return [tool.generator.value for tool in probe_initrd_tools(Root(tmp_path))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MKINITRAMFS + DEBIAN_HOOK, ["initramfs-tools"]),
        (MKINITRAMFS, ["initramfs-tools"]),
        (MKINITRAMFS + DEBIAN_HOOK + DRACUT, ["initramfs-tools"]),
        (MKINITRAMFS + DEBIAN_HOOK + DRACUT + DRACUT_PLUGIN, ["initramfs-tools"]),
        (MKINITRAMFS + DRACUT, ["initramfs-tools", "dracut"]),
        (DRACUT, ["dracut"]),
        (DRACUT + DRACUT_PLUGIN, ["dracut"]),
        ("elf /sbin/dracut x86_64\n", ["dracut"]),
        (WRAPPER, []),
        (WRAPPER + DRACUT, ["dracut"]),
        (WRAPPER + DRACUT + "dir /lib/mkinitrd\n", ["dracut"]),
        (NASH, ["mkinitrd (nash)"]),
        (SUSE, ["mkinitrd (SUSE)"]),
        (MKINITCPIO, ["mkinitcpio"]),
        (MKINITCPIO + MKINITCPIO_HOOK + DRACUT + DRACUT_PLUGIN, ["mkinitcpio"]),
        (MKINITCPIO + MKINITCPIO_HOOK + BOOSTER, ["mkinitcpio"]),
        (MKINITCPIO + MKINITCPIO_HOOK + BOOSTER + BOOSTER_HOOK, ["mkinitcpio", "booster"]),
        (MKINITCPIO + MKINITCPIO_HOOK + BOOSTER + BOOSTER_HOOK
         + "link /etc/pacman.d/hooks/90-mkinitcpio-install.hook /dev/null\n", ["booster"]),
        (MKINITCPIO + BOOSTER + BOOSTER_HOOK
         + "file /usr/share/libalpm/hooks/60-mkinitcpio-remove.hook\n|x\n", ["booster"]),
        (MKINITCPIO + MKINITCPIO_PLUGIN + DRACUT + DRACUT_PLUGIN, ["dracut", "mkinitcpio"]),
        (MKINITCPIO + MKINITCPIO_PLUGIN + DRACUT + DRACUT_PLUGIN
         + "file /etc/kernel/install.conf\n|initrd_generator=mkinitcpio\n", ["mkinitcpio"]),
        (MKINITCPIO + MKINITCPIO_PLUGIN + DRACUT + DRACUT_PLUGIN
         + "link /etc/kernel/install.d/50-dracut.install /dev/null\n", ["mkinitcpio"]),
        ("elf /usr/bin/mkinitcpio x86_64\n", []),
        (MKINITFS + MKINITFS_CONF, ["mkinitfs"]),
        (MKINITFS, []),
        (DEBIAN_HOOK, []),
        (MKINITRAMFS + DRACUT + DEBIAN_HOOK.replace("755", "644"), ["initramfs-tools", "dracut"]),
        ("file /usr/bin/dracut 644\n|#!/bin/sh\n", []),
        ("link /usr/bin/dracut /usr/bin/missing\n", []),
        ("", []),
    ],
)  # fmt: skip
def test_generators(tmp_path: Path, text: str, found: List[str]) -> None:
    assert names(tmp_path, text) == found


def test_each_says_why(tmp_path: Path) -> None:
    add_to_tree(tmp_path, MKINITRAMFS + DEBIAN_HOOK)
    (tool,) = probe_initrd_tools(Root(tmp_path))
    assert tool.because == "/usr/sbin/mkinitramfs, called by /etc/kernel/postinst.d/initramfs-tools"


def test_the_version_of_dracut(tmp_path: Path) -> None:
    add_to_tree(tmp_path, DRACUT + DRACUT_PLUGIN)
    (tool,) = probe_initrd_tools(Root(tmp_path))
    assert (tool.generator, tool.version) == (Generator.DRACUT, "059-4")
    assert tool.program == GuestPath("/usr/bin/dracut")
    because = "/usr/bin/dracut, version 059-4, called by /usr/lib/kernel/install.d/50-dracut.install"
    assert tool.because == because


def test_a_dracut_that_tells_no_version(tmp_path: Path) -> None:
    add_to_tree(tmp_path, "elf /sbin/dracut x86_64\n")
    (tool,) = probe_initrd_tools(Root(tmp_path))
    assert (tool.version, tool.because) == ("", "/sbin/dracut, version unknown")
