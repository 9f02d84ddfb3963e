"""With which options a kernel was built, where its configuration lies beside it."""

from __future__ import annotations

from collections.abc import Mapping

from hvprep.facts.kernels import Kernel
from hvprep.formats.kernel_config import parse_options
from hvprep.model.node import GuestPath
from hvprep.model.view import View


def read_configuration(view: View, kernel: Kernel) -> Mapping[str, str | None]:
    """Option without CONFIG_ to its value, None where it says that it is not set; empty where there is no
    configuration, as on Arch, which has it in the running kernel alone."""
    for path in (
        GuestPath("/boot") / f"config-{kernel.name}",
        GuestPath("/boot") / f"config-{kernel.version}",
        kernel.directory / "config",
    ):
        content = view.read(path) if kernel.version else None
        if content:
            return parse_options(content.decode("utf-8", "replace"))
    return {}
