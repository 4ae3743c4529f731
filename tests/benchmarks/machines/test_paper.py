"""What a number of sources takes, on paper, and where the figures of a run are put."""

import pytest

from benchmarks.machines.__main__ import BEGIN, END, filled
from benchmarks.machines.capacity import part_of
from benchmarks.machines.paper import FULL, INTERVALS, SOURCES, Costs, cores, limits, on_paper, processes
from benchmarks.tools.report import Table

COSTS = Costs(
    test={"PostgreSQL": 0.1, "Prefect's API": 0.2, "worker": 0.3},
    check={"PostgreSQL": 0.005, "Prefect's services": 0.004, "worker": 0.01},
    idle={"Prefect's API": 0.05},
)


def test_cores_add_up() -> None:
    """Tests and checks by what each costs, and what it costs to do nothing."""
    found = cores(COSTS, tests=2, checks=100)
    assert found["PostgreSQL"] == pytest.approx(0.2 + 0.5)
    assert found["Prefect's API"] == pytest.approx(0.4 + 0.05)
    assert found["Prefect's services"] == pytest.approx(0.4)
    assert found["worker"] == pytest.approx(0.6 + 1.0)
    assert found["nginx"] == 0


def test_as_many_processes_as_one_thread_each_can_carry() -> None:
    """One at least; PostgreSQL and workers are many processes anyway."""
    found = processes(cores(COSTS, tests=10, checks=300))
    assert found == {"Redis": 1, "Prefect's API": 3, "Prefect's services": 2, "nginx": 1, "API": 1}


def test_what_one_process_can_do() -> None:
    """By what costs it the most; what costs nothing sets no limit."""
    found = {part: (tests, checks) for part, tests, checks in limits(COSTS)}
    assert found["Prefect's API"] == (pytest.approx(FULL / 0.2), float("inf"))
    assert found["Prefect's services"] == (float("inf"), pytest.approx(FULL / 0.004))


def test_every_number_of_sources_at_every_interval() -> None:
    """Up to 100,000."""
    rows = on_paper(COSTS).rows
    assert [(row[0], row[1]) for row in rows] == [(f"{count:,}", every) for count in SOURCES for every in INTERVALS]
    assert SOURCES[-1] == 100_000


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("prefect-api-2", "Prefect's API"),
        ("prefect-services", "Prefect's services"),
        ("prefect", "nginx"),
        ("api", "nginx"),
        ("api-1", "API"),
        ("worker-12", "worker"),
        ("postgres", "PostgreSQL"),
        ("redis", "Redis"),
        ("shop", "shop"),
    ],
)
def test_what_a_container_belongs_to(name: str, part: str) -> None:
    """Replicas count together."""
    assert part_of(name) == part


def test_figures_are_put_between_the_marks() -> None:
    """As often as one likes; what stands around them stays."""
    text = f"above\n{BEGIN}old\n{END}below\n"
    once = filled(text, "here", [Table("Title", ("a", "b"), [("x", 1)])])
    assert once.startswith(f"above\n{BEGIN}")
    assert once.endswith(f"{END}below\n")
    assert "old" not in once
    assert "| x | 1 |" in once
    assert filled(once, "here", [Table("Title", ("a", "b"), [("x", 1)])]) == once
