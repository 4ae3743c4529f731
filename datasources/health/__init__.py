"""How a source has been: pure functions over plain records. `docs/health.md` has the formulas in words."""
