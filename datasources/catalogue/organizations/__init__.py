"""Organizations, their members, keys and public addresses."""
