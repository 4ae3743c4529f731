"""Attempts at a test that were lost with what carried them out, and whether another one makes sense."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

MOST_ATTEMPTS = 5
"""At one test, whatever the reasons are for which they are lost."""


class Loss(Struct, kw_only=True, frozen=True):
    """One attempt that ended without a verdict."""

    state_id: str
    """The state in which Prefect had the run then: what tells this loss from another one."""
    stage: str
    """How far it was, for people: `lost while running schema_download`."""
    suspect: bool
    """Whether the test itself may be what its process died of; a lost worker loses whatever it has."""
    at: datetime


def worth_another(losses: Sequence[Loss], loss: Loss) -> bool:
    """Whether to try again after this loss: not when the test was lost at the same stage before, and may be why."""
    before = [one for one in losses if one.state_id != loss.state_id]
    if len(before) + 1 >= MOST_ATTEMPTS:
        return False
    return not (loss.suspect and any(one.suspect and one.stage == loss.stage for one in before))
