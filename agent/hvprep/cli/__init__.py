"""The command line: one file per verb, main.py, and render.py, which alone prints."""
