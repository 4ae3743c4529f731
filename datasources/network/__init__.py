"""How a source is reached: which addresses are allowed, and the way through an SSH gateway."""
