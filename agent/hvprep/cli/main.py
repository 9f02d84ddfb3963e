"""The entry point: answers what can be answered before anything is imported, then hands over to a verb."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments == ["--version"] and sys.stdout is not None:
        from hvprep import __version__

        sys.stdout.write(f"hvprep {__version__}\n")
        return 0
    if arguments == ["resource-disk"] and sys.stdout is not None:
        from hvprep import __version__
        from hvprep.system.memo import find_unchanged

        words = find_unchanged("/run/hvprep/resource-disk.memo", __version__)
        if words is not None:
            sys.stdout.write(words)
            return 0
    try:
        from hvprep.cli.parser import run

        return run(arguments)
    except KeyboardInterrupt:
        return 1
