"""Fixtures and rules for every floor: see the modules named here."""

from hypothesis import settings

pytest_plugins = ("tests.strict", "tests.roots", "tests.snapshot", "tests.built")

#: Nothing is timed: a busy machine must not fail a law.
settings.register_profile("hvprep", deadline=None)
settings.load_profile("hvprep")
