"""Settings of hvprep: the one table, the reader of the files, and the documents made from the table."""

from __future__ import annotations

from hvprep.settings.documents import render_conf, render_man
from hvprep.settings.reader import SettingsError, load
from hvprep.settings.table import TABLE, Settings

__all__ = ["TABLE", "Settings", "SettingsError", "load", "render_conf", "render_man"]
