"""The table of steps: which tests run which steps, in what order, and where each is shown."""

import pytest

from datasources.model.steps import CHECKS, STEPS, KindOfTest, in_table_order, step_named, steps_of, under_way
from datasources.model.vocabulary import ConfigurationCheckStep

PUBLISHED = ["connection", "temp_schema", "schema_download", "lineage_download"]


@pytest.mark.parametrize(
    ("kind", "query", "steps"),
    [
        (KindOfTest.asynchronous, False, ["connection", "version_probe", *PUBLISHED[1:]]),
        (KindOfTest.asynchronous, True, ["connection", "version_probe", *PUBLISHED[1:], "test_query"]),
        (KindOfTest.immediate, True, ["connection", "version_probe", "test_query"]),
        (KindOfTest.immediate, False, ["connection", "version_probe"]),
        (KindOfTest.quick, False, ["connection", "version_probe"]),
        (KindOfTest.discovery, False, ["connection", "version_probe", "schema_download"]),
        (KindOfTest.lineage, False, ["connection", "version_probe", "lineage_download"]),
        (KindOfTest.full, False, ["connection", "version_probe", *PUBLISHED[1:]]),
        (KindOfTest.full, True, ["connection", "version_probe", *PUBLISHED[1:]]),
    ],
)
def test_which_test_runs_which_steps(kind: KindOfTest, query: bool, steps: list[str]) -> None:
    """Every kind of test, with a test query and without."""
    assert steps_of(kind, query=query) == steps


def test_the_published_enumeration_stays() -> None:
    """Four words, whatever the table holds besides; all others are shown in `checks`."""
    assert list(ConfigurationCheckStep) == PUBLISHED
    assert [step.name for step in STEPS if step.published] == PUBLISHED
    assert {*CHECKS, *PUBLISHED} == {step.name for step in STEPS}


@pytest.mark.parametrize(
    ("ended", "now"),
    [
        ([], ["connection"]),
        (["connection"], ["lineage_download", "version_probe"]),
        (["connection", "version_probe"], ["lineage_download"]),
        (["connection", "version_probe", "lineage_download"], []),
    ],
)
def test_where_a_run_is(ended: list[str], now: list[str]) -> None:
    """The connection comes first and alone; then all other steps run at once."""
    assert under_way(["connection", "version_probe", "lineage_download"], ended) == now


def test_names_that_the_table_no_longer_has() -> None:
    """A job of an earlier version may name one: it is shown last, and counts like any other."""
    assert in_table_order(["gone", "test_query", "version_probe", "gone"]) == ["version_probe", "test_query", "gone"]
    gone = step_named("gone")
    assert (gone.published, gone.optional, gone.needs_connection) == (False, False, True)
