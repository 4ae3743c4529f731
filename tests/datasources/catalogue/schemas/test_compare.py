"""What is told of a difference: rules by tables of cases."""

from typing import Any

import pytest

from datasources.catalogue.schemas.compare import (
    Change,
    TableChange,
    compare_columns,
    compare_edges,
    compare_tables,
    count,
    renames,
    told,
)
from datasources.databases.base import Column, ForeignKey, LineageEdge, Table, TableName


def columns(text: str) -> list[Column]:
    """Columns written as `name type, name type`."""
    pairs = (part.strip().split(" ", 1) for part in text.split(",") if part.strip())
    return [Column(name=name, type=kind) for name, kind in pairs]


def table(**facts: Any) -> Table:
    """A table with these facts."""
    return Table(**{"schema": "s", "name": "t", "kind": "table", "columns": columns("a int, b text")} | facts)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a int", "a int", []),
        ("a int", "a int, b text", ["added b"]),
        ("a int, b text", "a int", ["removed b"]),
        ("a int", "a bigint", ["changed a type"]),
        ("a int, b text", "a int, c text", ["renamed c"]),
        ("a int, b text", "a int, c date", ["added c", "removed b"]),
        ("a int, b text", "b text, a int", []),
        ("a int, b text", "c int, a text", ["added c", "changed a type", "removed b"]),
        ("", "a int", ["added a"]),
    ],
)
def test_columns(before: str, after: str, expected: list[str]) -> None:
    """By name; a column is renamed that stands at the same place and is of the same type."""
    found = compare_columns(columns(before), columns(after))
    assert [" ".join([change.change, change.name, *change.facets]) for change in found] == expected


@pytest.mark.parametrize(
    ("after", "sentence", "announced"),
    [
        ({"columns": columns("a bigint, b text")}, "table s.t: column a was int and is bigint", True),
        ({"columns": columns("a int")}, "table s.t: column b was removed", True),
        ({"columns": columns("a int, c text")}, "table s.t: column b is now c", True),
        ({"columns": columns("a int, b text, c text")}, "table s.t: column c was added", False),
        ({"columns": columns("b text, a int")}, "table s.t: its column order changed", False),
        ({"comment": "New"}, "table s.t: its comment changed", False),
        ({"kind": "view"}, "view s.t: its kind changed", False),
        ({"primary_key": ["a"]}, "table s.t: its primary key changed", False),
        ({"foreign_keys": [ForeignKey(columns=["a"], table=TableName("s", "u"), referenced=["a"])]},
         "table s.t: its foreign keys changed", False),
        ({"columns": [Column(name="a", type="int", default="1"), *columns("b text")]},
         "table s.t: default of column a changed", False),
        ({"columns": columns("a int, b text, c int, d int, e int, f int")},
         "table s.t: column c was added, column d was added, column e was added and 1 more columns", False),
    ],
)  # fmt: skip
def test_what_is_said_of_a_table(after: dict[str, Any], sentence: str, announced: bool) -> None:
    """In one sentence; what queries may break on is announced."""
    change = compare_tables(table(), table(**after))
    assert (change.sentence, change.is_announced) == (sentence, announced)


def test_many_columns_are_counted() -> None:
    """Not all of them are named."""
    wide = ", ".join(f"c{number} int" for number in range(1000))
    change = compare_tables(table(columns=columns(wide)), table(columns=columns(wide.replace("int", "text"))))
    assert (len(change.columns), change.column_count) == (200, 1000)
    assert change.sentence.endswith("and 997 more columns")


@pytest.mark.parametrize(
    ("removed", "added", "expected"),
    [
        ({"a": b"1"}, {"b": b"1"}, {"b": "a"}),
        ({"a": b"1"}, {"b": b"2"}, {}),
        ({"a": b"1", "c": b"1"}, {"b": b"1"}, {}),
        ({"a": b"1"}, {"b": b"1", "c": b"1"}, {}),
        ({"a": b""}, {"b": b""}, {}),
        ({"a": b"1", "c": b"2"}, {"b": b"2", "d": b"1"}, {"b": "c", "d": "a"}),
    ],
)
def test_renames(removed: dict[str, bytes], added: dict[str, bytes], expected: dict[str, str]) -> None:
    """One gone, one new, the same columns, and no doubt."""
    found = renames(
        {TableName("s", name): shape for name, shape in removed.items()},
        {TableName("s", name): shape for name, shape in added.items()},
    )
    assert {new.name: old.name for new, old in found.items()} == expected


def test_counts_are_told_in_words() -> None:
    """Nothing is said of nothing."""
    change = TableChange(change=Change.added, schema="s", name="t", kind="table")
    assert told(count([change, change])) == " (2 new)"
    assert told({"changed": 4, "removed": 1, "added": 2}) == " (2 new, 1 gone, 4 changed)"
    assert told({}) == ""


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [(False, True, "s.v now reads s.t"), (True, False, "s.v no longer reads s.t"), (True, True, "s.v reads other columns of s.t")],
)  # fmt: skip
def test_edges(before: bool, after: bool, sentence: str) -> None:
    """Of an edge, in a sentence."""
    edge = LineageEdge(source=TableName("s", "t"), target=TableName("s", "v"))
    assert compare_edges(edge if before else None, edge if after else None).sentence == sentence
