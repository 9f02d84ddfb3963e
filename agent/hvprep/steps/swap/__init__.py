"""Swap on the system's own disk: what names it, what switches it on, and what would resume from it."""
