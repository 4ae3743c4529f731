"""Random kills of every part, while good sources are tested and swept: what they cost, and whether a promise broke."""
