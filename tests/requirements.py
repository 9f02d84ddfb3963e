"""Groups of requirements that tests look at by themselves."""

from __future__ import annotations

from typing import List, Tuple

#: What makes a system boot and be seen doing it. Many systems of these tests have nothing else on them.
BOOT: Tuple[str, ...] = ("initrd-drivers", "kernel-parameters", "serial-grub", "serial-getty")


def only_boot(words: Tuple[str, ...]) -> List[str]:
    """The words of a command line, which goes by these alone where it does not say by what else."""
    is_open = words[:1] in (("check",), ("prepare",)) and not {"--only", "--plan", "--list"} & set(words)
    return [*words, "--only", ",".join(BOOT)] if is_open else [*words]
