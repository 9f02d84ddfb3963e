"""How each boot loader's entries are read and changed; mechanisms.py names them all."""
