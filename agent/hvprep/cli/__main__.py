"""`python3 -m hvprep.cli`."""

from hvprep.cli.main import main

raise SystemExit(main())
