"""The temporary disk of an Azure machine: found, proven, and only then used.

locate    which disks it may be, by where they hang on the machine, never by their names
evidence  what is on such a disk, read without changing or mounting anything
verdict   the decision table: what may be done with it
"""
