"""Which organization gets the next slot (docs/security.md, row 17)."""

from collections import Counter

import pytest

from datasources.model.slots import Waiting, may_take, share_out


@pytest.mark.parametrize(
    ("held", "free", "allowed"),
    [
        (0, 0, False),
        (0, 1, True),  # the first test of an organization takes the last slot
        (1, 1, False),
        (1, 2, False),
        (1, 3, True),
        (7, 9, True),  # alone with 16 slots: eight, and eight stay free
        (8, 8, False),
        (3, -2, False),  # fewer workers than a moment ago
    ],
)
def test_one_more_slot(held: int, free: int, allowed: bool) -> None:
    """As many stay free as the organization holds."""
    assert may_take(held, free) is allowed


@pytest.mark.parametrize(
    ("waiting", "held", "slots", "given"),
    [
        ("", {}, 16, []),
        ("aaa", {}, 16, [0, 1, 2]),
        ("a" * 20, {}, 16, list(range(8))),
        ("aaaab", {}, 16, [0, 4, 1, 2, 3]),  # the other organization does not wait behind four
        ("aab", {"a": 8}, 16, [2]),
        ("aaabbb", {"a": 8}, 16, [3, 4, 5]),
        ("bbbbbb", {"a": 8}, 16, [0, 1, 2, 3]),
        ("abc", {"a": 8, "b": 4}, 16, [2]),
        ("cc", {"a": 8, "b": 4, "d": 2}, 16, [0]),
        ("ab", {"a": 8, "b": 8}, 16, []),
        ("ab", {}, 1, [0]),
        ("ba", {"a": 1, "b": 1}, 5, [0]),  # of two that hold as many, the one that has waited longer
        ("ab", {"a": 9}, 8, []),
    ],
)
def test_a_fair_choice(waiting: str, held: dict[str, int], slots: int, given: list[int]) -> None:
    """The organization that holds the fewest comes first; each keeps the order of its own jobs."""
    jobs = [Waiting(number, ord(organization)) for number, organization in enumerate(waiting)]
    assert share_out(jobs, {ord(name): count for name, count in held.items()}, slots) == given


@pytest.mark.parametrize(("slots", "organizations"), [(2, 1), (3, 1), (8, 1), (8, 2), (16, 1), (16, 4), (32, 5)])
def test_room_for_one_more(slots: int, organizations: int) -> None:
    """Whatever the others have asked for, an organization that has nothing under way gets a slot."""
    jobs = [Waiting(number, number % organizations) for number in range(1000)]
    given = share_out(jobs, {}, slots)
    held = Counter(number % organizations for number in given)
    assert share_out([*jobs[len(given) :], Waiting(1000, 99)], held, slots)[0] == 1000
