"""Who gets the next slot: a fair choice between organizations (docs/security.md, row 17).

A slot is the room for one test under way. An organization may hold as many slots as it leaves free: one alone has half
of them, two have a third each, and so on. So a test of one more organization finds room at once, however many silent
sources the others have.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from msgspec import Struct


class Waiting(Struct, frozen=True):
    """A job that waits for a slot."""

    job_id: int
    organization_id: int


def may_take(held: int, free: int) -> bool:
    """Whether an organization that holds so many slots may take another of those that are free."""
    return free > 0 and (held == 0 or held + 1 <= free - 1)


def share_out(waiting: Iterable[Waiting], held: Mapping[int, int], slots: int) -> list[int]:
    """The ids of the jobs that get a slot now, in the order in which they get it.

    `waiting` has the oldest job first; `held` says how many slots each organization holds. The organization that holds
    the fewest comes first, and of two that hold as many, the one whose job has waited longer.
    """
    queues: dict[int, deque[int]] = {}
    for job in waiting:
        queues.setdefault(job.organization_id, deque()).append(job.job_id)
    holds = Counter(held)
    free = slots - holds.total()
    given: list[int] = []
    while queues:
        organization = min(queues, key=lambda one: (holds[one], queues[one][0]))
        if not may_take(holds[organization], free):
            break  # an organization that holds more may take none either
        given.append(queues[organization].popleft())
        holds[organization] += 1
        free -= 1
        if not queues[organization]:
            del queues[organization]
    return given
