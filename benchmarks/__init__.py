"""How fast it is, and what it costs: measured, side by side, in one run on one server."""
