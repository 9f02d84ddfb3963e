"""Reads the machine once into frozen values; one file per question. Every answer says what it was made from."""
