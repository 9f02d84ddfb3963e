"""The files of sshd's configuration, as a view has them. Source: sshd_config(5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hvprep.errors import FormatError
from hvprep.formats import sshd_config
from hvprep.formats.sshd_config import Setting
from hvprep.model.node import GuestPath
from hvprep.model.view import View

#: The first one that there is. openSUSE ships the second; a file in /etc then takes its place.
MAIN_FILES = (GuestPath("/etc/ssh/sshd_config"), GuestPath("/usr/etc/ssh/sshd_config"))


def find_main_file(view: View) -> GuestPath | None:
    """The file that sshd reads first; None where there is none."""
    return next((path for path in MAIN_FILES if view.node(path) is not None), None)


def find_setting(view: View, main: GuestPath, keyword: str) -> Setting | None:
    """What counts where no Match block matches. Raises FormatError."""
    return sshd_config.find_setting(str(main), read_file(view, main), _Loader(view, main), keyword)


def find_all(view: View, main: GuestPath, keyword: str) -> Iterator[Setting]:
    """What counts for any connection, in whatever block it stands. Raises FormatError."""
    return sshd_config.find_all(str(main), read_file(view, main), _Loader(view, main), keyword)


def read_file(view: View, path: GuestPath) -> str:
    """The text of one file, with bytes that are no UTF-8 escaped."""
    return (view.read(path) or b"").decode("utf-8", "surrogateescape")


class _Loader:
    """Finds the files of an Include."""

    def __init__(self, view: View, main: GuestPath) -> None:
        self._view, self._main = view, main

    def __call__(self, pattern: str) -> Iterable[tuple[str, str]]:
        # glob(3) knows more than View.glob does.
        if "\\" in pattern or "[" in pattern:
            raise FormatError(
                f"{self._main}: Include {pattern} is not understood", "ask sshd itself: sshd -T"
            )
        return ((str(path), read_file(self._view, path)) for path in self._view.glob(pattern))
