"""The one table of steps: everything that runs, shows, judges or documents a step reads it here.

A new step is one file, `tasks/steps/NAME.py`, and one line in `STEPS`.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum

from msgspec import Struct

from datasources.model.vocabulary import ConfigurationCheckStep, ErrorCode


class KindOfTest(StrEnum):
    """What started a test, and so which steps it is made of."""

    asynchronous = "asynchronous"
    """Requested by `POST /api/v1/data_sources/{id}/test`, which answers a job id at once."""
    immediate = "immediate"
    """Requested by `POST /api/v1/data-sources/{id}/test`, which waits for the result."""
    quick = "quick"
    """Started by a schedule: only what shows that the source is up."""
    full = "full"
    """Started by a schedule, once a day, and again until it has passed."""
    discovery = "discovery"
    """What the source holds: requested by `POST …/discover-schema`, which waits for it, or started by a schedule."""
    lineage = "lineage"
    """What is made from what there, started by a schedule."""

    @property
    def trigger(self) -> str:
        """The word for it in the catalogue and in the health history."""
        return _TRIGGERS[self]


SCHEDULE = "schedule"
"""The trigger of a job that a scheduled run made for itself."""
_TRIGGERS = {
    KindOfTest.asynchronous: "test",
    KindOfTest.immediate: "immediate",
    KindOfTest.quick: SCHEDULE,
    KindOfTest.full: SCHEDULE,
    KindOfTest.discovery: "discovery",
    KindOfTest.lineage: "lineage",
}

EVERY = frozenset(KindOfTest)
THOROUGH = frozenset({KindOfTest.asynchronous, KindOfTest.full})
ON_REQUEST = frozenset({KindOfTest.asynchronous, KindOfTest.immediate})


class Step(Struct, frozen=True):
    """One line of the table."""

    name: str
    """Its word on the wire, in Prefect and in the catalogue."""
    runs_in: frozenset[KindOfTest]
    """The kinds of test that run it."""
    needs_connection: bool = True
    """When the connection fails, it is skipped; a step that needs none runs beside the connection step."""
    needs_query: bool = False
    """It runs only when the test has a test query."""
    optional: bool = False
    """Its failure is shown, but fails neither the test nor the source."""
    callers_fault: frozenset[ErrorCode] = frozenset()
    """With these codes the test fails, but the source does not: they say more about what the client sent."""
    module: str = ""
    """The module in `tasks/steps` when it has another name than the step."""

    @property
    def published(self) -> bool:
        """Whether it is one of the four steps in `results`; the others are shown in `checks`."""
        return self.name in PUBLISHED


CONNECTION = "connection"
"""Always goes first: it says why the source cannot be reached."""
VERSION_PROBE = "version_probe"
TEST_QUERY = "test_query"
PUBLISHED = frozenset(step.value for step in ConfigurationCheckStep)

STEPS = (
    Step(CONNECTION, EVERY, needs_connection=False),
    Step(VERSION_PROBE, EVERY, optional=True),
    Step("temp_schema", THOROUGH),
    Step("schema_download", THOROUGH | {KindOfTest.discovery}),
    Step("lineage_download", THOROUGH | {KindOfTest.lineage}),
    Step(
        TEST_QUERY,
        ON_REQUEST,
        needs_query=True,
        callers_fault=frozenset({ErrorCode.QUERY_ERROR, ErrorCode.QUERY_NOT_READ_ONLY}),
        module="custom_query",  # pytest would collect `test_query.py`
    ),
)

BY_NAME = {step.name: step for step in STEPS}
CHECKS = tuple(step.name for step in STEPS if not step.published)
"""The steps that are ours and not published, in the order in which they are shown."""


def step_named(name: str) -> Step:
    """The step of this name; a job may name one that this version no longer has, which then is like any other."""
    return BY_NAME.get(name) or Step(name, frozenset())


def in_table_order(names: Iterable[str]) -> list[str]:
    """These names, each once, as the table has them; names that it does not have come last."""
    chosen = dict.fromkeys(names)
    return [*(name for name in BY_NAME if name in chosen), *(name for name in chosen if name not in BY_NAME)]


def steps_of(kind: KindOfTest, *, query: bool = False) -> list[str]:
    """The names of the steps that such a test runs; `query` says whether it has a test query."""
    return [step.name for step in STEPS if kind in step.runs_in and (query or not step.needs_query)]


def first_steps(steps: Iterable[str]) -> list[str]:
    """The steps of a test that begin at once: the connection, and those that need none."""
    return [name for name in steps if not step_named(name).needs_connection]


def under_way(steps: Collection[str], ended: Collection[str]) -> list[str]:
    """The steps that a running test is at, when these have ended."""
    open_steps = [name for name in steps if name not in ended]
    if CONNECTION in open_steps:
        return first_steps(open_steps)
    return sorted(open_steps)
