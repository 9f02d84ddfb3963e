"""The only room that touches the machine: files, programs, mounts, locks."""
