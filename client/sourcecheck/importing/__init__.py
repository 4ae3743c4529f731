"""Connections that people already have, as sources of a file: one module for each kind of place they lie in."""
