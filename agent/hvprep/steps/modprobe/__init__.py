"""Modules that have to be loadable: who asks for them, what keeps them out, and taking that out."""
