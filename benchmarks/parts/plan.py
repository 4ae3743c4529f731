"""How much is measured."""

from msgspec import Struct

from benchmarks.parts.sweeps import SweepPlan


class Plan(Struct, frozen=True):
    """Tests asked for in each part, and how long each part may take."""

    ours: dict[int, int]
    """Samples by the number of tests in flight."""
    stock: dict[int, int]
    bare: dict[int, int]
    """The same, for what has no worker: the flow in one process, and psycopg alone."""
    turns: dict[int, tuple[int, ...]]
    """Tests of each round, by the number in flight; between two rounds, as many of the flow alone."""
    counted: int
    """Tests during which requests to Prefect are counted, and the same for a stock worker."""
    counted_stock: int
    tunnel: int
    wide: int
    """Tests of the source that has `tables` tables."""
    tables: int
    growth: dict[int, int]
    """Tests asked for at once, by the number of registered sources."""
    sweeps: tuple[SweepPlan, ...]
    """Sources, and how often a sweep checks them."""
    pollers: tuple[int, ...]
    """Clients that ask for one job again and again, side by side."""
    poll_seconds: float
    posts: int
    """Requests for a test, one after the other."""
    listed: int
    """Sources in a list."""
    idle_seconds: float
    """For how long the cost of doing nothing is measured; it is taken off what a test costs."""
    part_seconds: float
    """After which no further test of a part is begun."""


DEFAULT = Plan(
    ours={1: 30, 4: 40, 16: 128},
    stock={1: 5, 4: 8, 16: 32},
    bare={1: 30, 4: 60, 16: 128},
    turns={1: (1,) * 60, 4: (20,) * 3, 16: (64,) * 2},
    counted=10,
    counted_stock=3,
    tunnel=10,
    wide=5,
    tables=10_000,
    growth={10: 10, 100: 100, 1000: 150},
    sweeps=(SweepPlan(1000, 60), SweepPlan(10_000, 300)),
    pollers=(1, 16, 1000),
    poll_seconds=4,
    posts=30,
    listed=1000,
    idle_seconds=5,
    part_seconds=60,
)

QUICK = Plan(
    ours={1: 3, 4: 4},
    stock={1: 1},
    bare={1: 3, 4: 4},
    turns={1: (1, 1, 1), 4: (4,)},
    counted=2,
    counted_stock=1,
    tunnel=2,
    wide=1,
    tables=200,
    growth={10: 5},
    sweeps=(SweepPlan(20, 10),),
    pollers=(1, 20),
    poll_seconds=1,
    posts=2,
    listed=20,
    idle_seconds=1,
    part_seconds=20,
)
"""Enough to see that it works; its figures mean nothing."""
