"""Fixtures and rules for every floor: see the modules named here."""

pytest_plugins = ("tests.strict", "tests.roots", "tests.snapshot", "tests.built")
