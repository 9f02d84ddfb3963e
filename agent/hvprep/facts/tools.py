"""Which of the distribution's own tools make its boot configuration."""

from __future__ import annotations

from dataclasses import dataclass

from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View

_DIRECTORIES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")

_HARMLESS = ("--no-grubenv-update",)


@dataclass(frozen=True)
class GrubTool:
    """GRUB 2's generator of grub.cfg.

    config         the grub.cfg that it keeps, whether it exists or not
    sources_drop_ins  whether /etc/default/grub.d/*.cfg override /etc/default/grub (a patch of Debian's)
    options  what keeps a run from changing more than its output: on EL and Fedora it would rewrite
             grubenv, and every Boot Loader Specification entry, even with another output
    entry_tool  what adds the entry of a new kernel to grub.cfg itself, with the words of the default one
                (new-kernel-pkg and grubby of EL 7): entries may carry words that stand nowhere else
    """

    mkconfig: GuestPath
    script_check: GuestPath | None
    config: GuestPath
    sources_drop_ins: bool
    because: str
    options: tuple[str, ...] = ()
    entry_tool: GuestPath | None = None


def find_program(view: View, *names: str) -> GuestPath | None:
    """The first of `names` that is an executable file in the system's directories of programs."""
    for name in names:
        for directory in _DIRECTORIES:
            path = GuestPath(directory) / name
            node = view.node(view.resolve(path))
            if node is not None and node.kind is Kind.FILE and node.mode & 0o111:
                return path
    return None


def probe_grub_tool(view: View) -> GrubTool | None:
    """grub-mkconfig or grub2-mkconfig, with the directory that its kind of distribution uses."""
    for program, check, directory in (
        ("grub-mkconfig", "grub-script-check", "/boot/grub"),
        ("grub2-mkconfig", "grub2-script-check", "/boot/grub2"),
    ):
        mkconfig = find_program(view, program)
        if mkconfig is None:
            continue
        config = GuestPath(directory) / "grub.cfg"
        script = view.read(mkconfig) or b""
        return GrubTool(
            mkconfig,
            find_program(view, check),
            config,
            b"default/grub.d/" in script,
            f"{mkconfig} for {config}",
            tuple(option for option in _HARMLESS if option.encode() in script),
            find_program(view, "new-kernel-pkg"),
        )
    return None
