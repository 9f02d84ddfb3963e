"""hvprep makes a Linux machine ready to run on Hyper-V and Azure, and looks after it there."""

__version__ = "0.1.0"
