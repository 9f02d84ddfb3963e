"""Plans, applies, verifies and takes back. Knows no requirement: the steps are given to it."""
