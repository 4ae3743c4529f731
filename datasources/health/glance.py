"""What a source is shown as: what is known to be so now, in one word."""

from typing import Literal

Glance = Literal["down", "unknown", "up"]
GLANCES: tuple[Glance, ...] = ("down", "unknown", "up")
"""What needs a look comes first."""


def glance(status: str, *, stale: bool) -> Glance:
    """`up` and `down` only while the newest verdict holds; a source that was never checked is `unknown`."""
    if stale or status not in ("active", "failed"):
        return "unknown"
    return "up" if status == "active" else "down"
