"""One file per requirement; registry.py holds the order. A step is a pure function of what it is given."""
