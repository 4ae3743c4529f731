"""Rows of Redshift's system views as tables, keys and edges."""

import re
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from datasources.databases.base import Column, ForeignKey, TableName
from datasources.databases.warehouse.catalog import Name

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
MemberRow = tuple[str, str, str, str | None]
ColumnRow = tuple[str, str, str, str, Count | None, Count | None, Count | None, str | None, str | None, str | None]
KeyRow = tuple[str, str, str]
ViewRow = tuple[str, str, str | None]
CountRow = tuple[str, str, Count | None]
TextRow = tuple[str, str]

KINDS = {"TABLE": "table", "BASE TABLE": "table", "VIEW": "view", "EXTERNAL TABLE": "external table"}
MATERIALIZED = re.compile(r"\s*create\s+materialized\s+view\b", re.IGNORECASE)
NAME = r'(?:"(?:[^"]|"")+"|[^",.()\s]+)'
PRIMARY = re.compile(rf"PRIMARY KEY \(({NAME}(?:, {NAME})*)\)")
FOREIGN = re.compile(rf"FOREIGN KEY \(({NAME}(?:, {NAME})*)\) REFERENCES ({NAME})\.({NAME})\(({NAME}(?:, {NAME})*)\)")


def kind_of(table_type: str, definition: str | None) -> str:
    """The word for a kind of table; a materialized view is one by its definition."""
    if definition and MATERIALIZED.match(definition):
        return "materialized view"
    return KINDS.get(table_type.upper(), table_type.lower())


def column_of(row: ColumnRow) -> Column:
    """One column, its type with its length or precision."""
    _, _, name, type_, length, precision, scale, nullable, default, comment = row
    if type_.startswith(("character", "varchar", "char")) and length:
        type_ = f"{type_}({length})"
    elif type_.startswith(("numeric", "decimal")) and precision is not None:
        type_ = f"{type_}({precision},{scale or 0})"
    return Column(
        name=name, type=type_, nullable=(nullable or "YES") != "NO", default=default or None, comment=comment or None
    )


def keys_of(rows: Iterable[KeyRow]) -> tuple[dict[Name, list[str]], dict[Name, list[ForeignKey]]]:
    """Primary keys and references by table, from the texts of the constraints."""
    primary: dict[Name, list[str]] = {}
    foreign: dict[Name, list[ForeignKey]] = {}
    for schema, table, text in rows:
        if found := PRIMARY.match(text):
            primary[schema, table] = _names(found[1])
        elif found := FOREIGN.match(text):
            there = TableName(_names(found[2])[0], _names(found[3])[0])
            key = ForeignKey(columns=_names(found[1]), table=there, referenced=_names(found[4]))
            foreign.setdefault((schema, table), []).append(key)
    return primary, foreign


def _names(text: str) -> list[str]:
    return [name[1:-1].replace('""', '"') if name.startswith('"') else name for name in re.findall(NAME, text)]
