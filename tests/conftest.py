"""Fixtures and rules for every floor: see the modules named here."""

import signal

from hypothesis import settings

pytest_plugins = ("tests.strict", "tests.roots", "tests.snapshot", "tests.built")

#: Nothing is timed: a busy machine must not fail a law.
settings.register_profile("hvprep", deadline=None)
settings.load_profile("hvprep")

# A run in the background (nohup, or & of a script) ignores these, and what it starts would do so too; tests
# send them. Handlers are not inherited: whoever started this with nohup still has what was asked for.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)
