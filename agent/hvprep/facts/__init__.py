"""Reads the machine once into frozen values; one file per question. Each tells what it was made from."""
