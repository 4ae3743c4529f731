"""Attempts at a test that were lost with what carried them out, and whether another one makes sense."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

MOST_ATTEMPTS = 20
"""At one test, whatever the reasons are for which they are lost; nearly always its deadline comes first."""
LONGEST_PAUSE = 10.0
"""Seconds from one attempt to the next, at most: a server that is away for a while does not use them all up."""


class Loss(Struct, kw_only=True, frozen=True):
    """One attempt that ended without a verdict."""

    state_id: str
    """The state in which Prefect had the run then: what tells this loss from another one."""
    stage: str
    """How far it was, for people: `lost while running schema_download`."""
    steps: list[str]
    """Those that were under way; none when it had not begun."""
    suspect: bool
    """Whether the test itself may be what its process died of; a lost worker loses whatever it has."""
    at: datetime


def pause_seconds(lost: int) -> float:
    """How long the next attempt waits when so many were lost: the second one not at all."""
    return 0.0 if lost <= 1 else min(LONGEST_PAUSE, 2.0 ** (lost - 2))


def worth_another(losses: Sequence[Loss], loss: Loss) -> bool:
    """Whether to try again after this loss: not when a step was under way twice that may be why the test was lost."""
    before = [one for one in losses if one.state_id != loss.state_id]
    if len(before) + 1 >= MOST_ATTEMPTS:
        return False
    return not (loss.suspect and any(one.suspect and _alike(one, loss) for one in before))


def _alike(one: Loss, other: Loss) -> bool:
    return bool({*one.steps} & {*other.steps}) or one.steps == other.steps
