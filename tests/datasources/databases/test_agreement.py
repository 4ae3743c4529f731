"""When the columns of a view's text are believed: a table of what the text says and what the server knows."""

import pytest

from datasources.databases.base import ColumnEdge, LineageEdge, Origin, TableName
from datasources.databases.view_lineage import View, lineage_of
from datasources.databases.view_lineage.agreement import Claim, agrees

A, B = ("s", "a"), ("s", "b")
COLUMNS = {A: ["id", "x"], B: []}


@pytest.mark.parametrize(
    ("claim", "recorded", "width", "is_believed"),
    [
        (Claim(read={A: {"id"}}, made=1), [A], 1, True),
        (Claim(read={A: {"id"}}, made=1), [A], 0, True),  # the view's own columns are not known
        (Claim(read={A: {"id"}, B: {"y"}}, made=2), [B, A], 2, True),  # nor are those of b
        (Claim(read={}, made=1), [], 1, True),
        (Claim(read={A: {"id"}}, made=1), [A, B], 1, False),
        (Claim(read={A: {"id"}, B: set()}, made=1), [A], 1, False),
        (Claim(read={}, made=1), [A], 1, False),
        (Claim(read={A: {"id"}}, made=2), [A], 1, False),
        (Claim(read={A: {"id", "current"}}, made=1), [A], 1, False),
        (Claim(read={A: {"id"}}, made=1, lost=1), [A], 1, False),
    ],
)
def test_agreement(claim: Claim, recorded: list[tuple[str, str]], width: int, is_believed: bool) -> None:
    """The same tables, as many columns as there are, and no column that no table has."""
    assert agrees(claim, recorded, COLUMNS, width) is is_believed


def edge(source: str, *pairs: tuple[str, str], origin: Origin = Origin.dependency_record) -> LineageEdge:
    """An edge to the view, with all that it reads."""
    return LineageEdge(
        source=TableName("s", source),
        target=TableName("s", "v"),
        columns=sorted({there for there, _ in pairs}),
        column_edges=sorted(ColumnEdge(*pair) for pair in pairs),
        origin=origin,
    )


@pytest.mark.parametrize(
    ("text", "recorded", "edges", "is_bare"),
    [
        ("SELECT id AS n FROM s.a", [A], [edge("a", ("id", "n"))], False),
        ("SELECT id AS n FROM s.a", None, [edge("a", ("id", "n"), origin=Origin.view_text)], False),
        ("SELECT id AS n FROM s.a", [B], [edge("b")], True),
        ("SELECT", [A], [edge("a")], True),
        (None, [A], [edge("a")], True),
        ("SELECT *, 1 FROM s.a", [A], [edge("a")], True),
    ],
)
def test_the_record_has_the_tables_and_the_text_the_columns(
    text: str | None, recorded: list[tuple[str, str]] | None, edges: list[LineageEdge], is_bare: bool
) -> None:
    """A text that does not agree adds nothing, and takes nothing away."""
    known = {**COLUMNS, ("s", "v"): ["n"]}
    found = lineage_of([View("s", "v", text, recorded)], known, "postgres")
    assert found.edges == edges
    assert found.columns_unread == ([TableName("s", "v")] if is_bare else [])
    assert found.unread == []


def test_names_without_a_schema() -> None:
    """They are the record's, which need not be in the view's schema; of two of one name, it is not clear which."""
    columns = {("one", "t"): ["x"], ("two", "t"): ["x"], ("s", "v"): ["n"]}
    view = View("s", "v", "SELECT x AS n FROM t", [("two", "t")])
    found = lineage_of([view], columns, "postgres")
    assert [(edge.source, edge.column_edges) for edge in found.edges] == [
        (TableName("two", "t"), [ColumnEdge("x", "n")])
    ]
    both = View("s", "v", "SELECT t.x AS n FROM t JOIN t AS u ON t.x = u.x", [("one", "t"), ("two", "t")])
    assert lineage_of([both], columns, "postgres").columns_unread == [TableName("s", "v")]


def test_names_that_differ_in_case() -> None:
    """Where folding makes one of two, it is not clear which one a text means."""
    for columns in (
        {("s", "t"): ["x"], ("s", "T"): ["x"], ("s", "v"): ["n"]},
        {("s", "t"): ["x", "X"], ("s", "v"): ["n"]},
    ):
        found = lineage_of([View("s", "v", "SELECT x AS n FROM t", [("s", "t")])], columns, "postgres")
        assert found.columns_unread == [TableName("s", "v")]
