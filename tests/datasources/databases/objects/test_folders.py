"""Folders of objects in place of tables."""

import pytest

from datasources.databases.objects.folders import place_of, tables_of
from datasources.databases.objects.store import Item


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("notes.txt", ("file", "notes.txt")),
        ("a/b.csv", ("folder", "a")),
        ("a/b/c.csv", ("folder", "a/b")),
        ("a/day=1/hour=2/c.csv", ("folder", "a")),
        ("day=1/c.csv", ("file", "day=1/c.csv")),
        ("a/", None),
        ("a//b", ("folder", "a/")),
        ("/b", ("file", "/b")),
        ("", None),
        ("scratch/sourcecheck_tmp_6b078b51_72ab0edd", None),
    ],
)
def test_places(name: str, place: tuple[str, str] | None) -> None:
    """An object belongs to its folder, without partitions; one without a folder stands for itself."""
    assert place_of(name) == place


def test_tables() -> None:
    """One for each place, in the order of their names, with what lies in it."""
    found = tables_of(
        [Item("b", "x/1", 1_500_000), Item("b", "x/2", 500_000), Item("b", "a.csv", 1), Item("a", "x/1", 0)]
    )
    assert [(table.schema, table.name, table.kind, table.comment) for table in found] == [
        ("a", "x", "folder", "1 object, 0 bytes"),
        ("b", "a.csv", "file", "1 object, 1 byte"),
        ("b", "x", "folder", "2 objects, 2 MB"),
    ]
