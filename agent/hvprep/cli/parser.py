"""The command line's grammar, and the one place where errors become text and an exit status."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from hvprep import __version__, log
from hvprep.cli.render import Screen
from hvprep.errors import HvprepError
from hvprep.system.hostfile import hold_standard_streams, open_descriptor

#: Each is a module of this room; it is imported when it is asked for, since one pulls in what it works with.
_VERBS = ("check", "prepare", "resource-disk", "deprovision", "rollback", "status")

_EPILOG = """exit status:
  0  met, or done
  1  failed; what was begun has been taken back
  2  the command line or a settings file is wrong
  3  check found a requirement that is not met
  4  done, and a reboot is needed to use it

The manual page hvprep(8) says more, hvprep.conf(5) lists the settings."""


def make_parser(wanted: Sequence[str] = _VERBS) -> argparse.ArgumentParser:
    """The grammar of these verbs, by default of all: the man page and the completions go by that."""
    parser = argparse.ArgumentParser(
        prog="hvprep",
        description="Makes a Linux machine ready to run on Hyper-V and Azure.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hvprep {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in wanted:
        verb = importlib.import_module(f"hvprep.cli.{name.replace('-', '_')}")
        summary = (verb.__doc__ or "").partition("\n")[0].partition(": ")[2]
        sub = verbs.add_parser(name, help=summary, description=summary[:1].upper() + summary[1:])
        sub.set_defaults(run=verb.run)
        verb.add_arguments(sub)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Parse, run the verb, and turn every expected error into one sentence and an exit status."""
    try:
        known = arguments[:1] if arguments and arguments[0] in _VERBS else _VERBS
        options = make_parser(known).parse_args(arguments)
    except SystemExit as end:  # argparse has printed what is wrong, or the help that was asked for
        return end.code if isinstance(end.code, int) else 2
    hold_standard_streams()
    sys.stdin = sys.stdin or open_descriptor(0, "r")
    sys.stdout = sys.stdout or open_descriptor(1, "w")
    sys.stderr = sys.stderr or open_descriptor(2, "w")
    screen = Screen()
    log.configure()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup(1) wants it ignored
            signal.signal(number, _interrupt)
    try:
        status = int(options.run(options, screen))
        screen.finish()
        return status
    except HvprepError as error:
        screen.error(error.sentence, error.hint)
        return error.exit_status
    except KeyboardInterrupt:
        screen.error("interrupted", "hvprep status tells whether something was begun or done")
        return 1
    except BrokenPipeError:
        screen.give_up_output()
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        hint = "try as root" if isinstance(error, PermissionError) else None
        screen.error(f"{where}{error.strerror or error}", hint)
        return 1


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
