"""What makes a machine general again: nothing by which it is told from another is left in its files."""
