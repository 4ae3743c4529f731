"""Include and exclude lists, as people write them."""

import pytest

from datasources.databases.globs import Globs

TABLES = [("hr", "a"), ("hr", "people"), ("public", "orders"), ("public", "t"), ("shop", "s1"), ("v1.2", "x")]


def wanted(include: str | None, exclude: str | None = None) -> list[str]:
    """The names of the tables of the database `shop` that are left."""
    globs = Globs(include, exclude)
    return [f"{schema}.{table}" for schema, table in TABLES if globs.match(schema, table, "shop")]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ("shop.*", None, ["shop.s1"]),
        (None, "shop.*", ["hr.a", "hr.people", "public.orders", "public.t", "v1.2.x"]),
        ("shop.public.*", None, ["public.orders", "public.t"]),
        ("other.public.*", None, []),
        ("*.public.*", "*.t", ["public.orders"]),
        ("public.*, hr.*", None, ["hr.a", "hr.people", "public.orders", "public.t"]),
        ("public.*\r\nhr.a\n", None, ["hr.a", "public.orders", "public.t"]),
        ("t", None, ["public.t"]),
        ("*", None, ["hr.a", "hr.people", "public.orders", "public.t", "shop.s1", "v1.2.x"]),
        ("HR.*", None, []),
        ("hr.[a]", None, ["hr.a"]),
        ('"v1.2".*', None, ["v1.2.x"]),
        ("v1.2.*", None, []),
        ('"hr".[!a]*', None, ["hr.people"]),
        ("a.b.c.d", None, []),
    ],
)
def test_two_parts_are_schema_and_table(include: str | None, exclude: str | None, expected: list[str]) -> None:
    """Three parts say the database as well; a database and a schema of one name are not mixed up."""
    assert wanted(include, exclude) == expected


def test_what_matched_nothing_is_told() -> None:
    """As it was written, from both lists, each once."""
    globs = Globs("public.*\nHR.*\nhr.a\nHR.*", "public.none, *.t")
    for schema, table in TABLES:
        globs.match(schema, table, "shop")
    assert globs.unmatched == ["HR.*", "public.none"]
    assert globs.seen == len(TABLES)
