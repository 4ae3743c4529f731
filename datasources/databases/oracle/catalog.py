"""Oracle's catalogue: seven statements, whatever the number of tables, and what their rows mean."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from datasources.databases.base import Column, ForeignKey, LineageEdge, Origin, TableName
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, Name, by_table

OURS = "owner NOT IN (SELECT username FROM all_users WHERE oracle_maintained = 'Y')"
OURS_READ = "referenced_owner NOT IN (SELECT username FROM all_users WHERE oracle_maintained = 'Y')"
TABLES = f"""
SELECT owner, table_name, num_rows FROM all_tables
WHERE {OURS} AND nested = 'NO' AND secondary = 'N' AND dropped = 'NO' AND (iot_type IS NULL OR iot_type = 'IOT')
AND SUBSTR(table_name, 1, 6) NOT IN ('MLOG$_', 'RUPD$_') ORDER BY owner, table_name
"""  # noqa: S608 -- put together from constants
VIEWS = f"SELECT owner, view_name, text FROM all_views WHERE {OURS}"  # noqa: S608 -- put together from constants
MATERIALIZED = f"SELECT owner, mview_name, query FROM all_mviews WHERE {OURS}"  # noqa: S608 -- put together from constants
COLUMNS = f"""
SELECT owner, table_name, column_name, data_type, data_length, char_length, char_used, data_precision, data_scale,
       nullable, data_default
FROM all_tab_columns WHERE {OURS} ORDER BY owner, table_name, column_id
"""  # noqa: S608 -- put together from constants
COMMENTS = f"""
SELECT owner, table_name, NULL AS column_name, comments FROM all_tab_comments WHERE comments IS NOT NULL AND {OURS}
UNION ALL
SELECT owner, mview_name, NULL, comments FROM all_mview_comments WHERE comments IS NOT NULL AND {OURS}
UNION ALL
SELECT owner, table_name, column_name, comments FROM all_col_comments WHERE comments IS NOT NULL AND {OURS}
"""  # noqa: S608 -- put together from constants
CONSTRAINTS = f"""
SELECT owner, constraint_name, constraint_type, table_name, r_owner, r_constraint_name FROM all_constraints
WHERE constraint_type IN ('P', 'U', 'R') AND {OURS} ORDER BY owner, constraint_name
"""  # noqa: S608 -- put together from constants
KEY_COLUMNS = f"""
SELECT owner, constraint_name, column_name FROM all_cons_columns
WHERE position IS NOT NULL AND {OURS} ORDER BY owner, constraint_name, position
"""  # noqa: S608 -- put together from constants
DEPENDENCIES = f"""
SELECT owner, name, type, referenced_owner, referenced_name, referenced_type FROM all_dependencies
WHERE type IN ('VIEW', 'MATERIALIZED VIEW', 'SYNONYM')
AND referenced_type IN ('TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SYNONYM')
AND referenced_link_name IS NULL AND {OURS} AND {OURS_READ}
"""  # noqa: S608 -- put together from constants
SIZED = frozenset({"VARCHAR2", "NVARCHAR2", "CHAR", "NCHAR"})


class Answers(Struct, frozen=True):
    """The rows of the seven statements."""

    tables: list[Row]
    views: list[Row]
    materialized: list[Row]
    columns: list[Row]
    comments: list[Row]
    constraints: list[Row]
    key_columns: list[Row]


def catalog_of(answers: Answers) -> Catalog:
    """Tables and views with their columns, comments and keys, in the order of their names."""
    said = {(row[0], row[1], row[2]): row[3] for row in answers.comments}
    primary, foreign = _keys(answers.constraints, answers.key_columns)
    members = sorted(_members(answers, said), key=lambda member: (member.schema, member.name))
    columns = by_table((row[0], row[1], _column(row, said)) for row in answers.columns)
    return Catalog(members=members, columns=columns, primary=primary, foreign=foreign)


def _members(answers: Answers, said: dict[tuple[str, str, Any], str]) -> Iterable[Member]:
    """A materialized view has its rows in a table of the same name, which is not shown beside it."""
    queries = {(row[0], row[1]): row[2] for row in answers.materialized}
    estimates = {(row[0], row[1]): row[2] for row in answers.tables}
    kinds: dict[Name, tuple[str, str | None]] = {
        **dict.fromkeys(estimates, ("table", None)),
        **{(row[0], row[1]): ("view", row[2]) for row in answers.views},
        **{name: ("materialized view", query) for name, query in queries.items()},
    }
    for (schema, name), (kind, definition) in kinds.items():
        rows = estimates.get((schema, name))
        yield Member(
            schema=schema,
            name=name,
            kind=kind,
            comment=said.get((schema, name, None)),
            rows=None if rows is None else int(rows),
            definition=definition,
        )


def _column(row: Row, said: dict[tuple[str, str, Any], str]) -> Column:
    owner, table, name, *type_, nullable, default = row
    return Column(
        name=name,
        type=type_of(*type_),
        nullable=nullable != "N",
        default=(str(default).strip() or None) if default is not None else None,
        comment=said.get((owner, table, name)),
    )


def type_of(name: str, length: Any, characters: Any, used: Any, precision: Any, scale: Any) -> str:
    """The type as one writes it: `VARCHAR2(30 CHAR)`, `NUMBER(10,2)`, `RAW(16)`; the rest have sizes in their names."""
    if name in SIZED:
        national = name.startswith("N")
        return f"{name}({int(characters)}{' CHAR' if used == 'C' and not national else ''})"
    if name == "RAW":
        return f"RAW({int(length)})"
    if name == "NUMBER" and (precision is not None or scale is not None):
        digits = "*" if precision is None else int(precision)
        return f"NUMBER({digits},{int(scale)})" if scale is not None and int(scale) != 0 else f"NUMBER({digits})"
    return f"FLOAT({int(precision)})" if name == "FLOAT" and precision is not None else name


def _keys(constraints: list[Row], columns: list[Row]) -> tuple[dict[Name, list[str]], dict[Name, list[ForeignKey]]]:
    """Primary keys and references; one to a key that the user does not see is left out."""
    within: dict[Name, list[str]] = {}
    for owner, constraint, column in columns:
        within.setdefault((owner, constraint), []).append(column)
    tables = {(row[0], row[1]): TableName(row[0], row[3]) for row in constraints}
    primary: dict[Name, list[str]] = {}
    foreign: dict[Name, list[ForeignKey]] = {}
    for owner, constraint, kind, table, there, other in constraints:
        if kind == "P":
            primary[owner, table] = within.get((owner, constraint), [])
        elif kind == "R" and (target := tables.get((there, other))):
            key = ForeignKey(
                columns=within.get((owner, constraint), []), table=target, referenced=within.get((there, other), [])
            )
            foreign.setdefault((owner, table), []).append(key)
    return primary, foreign


def edges_of(rows: list[Row]) -> list[LineageEdge]:
    """What views read by the server's records; where it is a synonym, what that stands for."""
    synonyms = {(row[0], row[1]): (row[3], row[4]) for row in rows if row[2] == "SYNONYM"}
    found: set[tuple[TableName, TableName]] = set()
    for owner, name, kind, *referenced, _ in rows:
        if kind == "SYNONYM":
            continue
        source, seen = (referenced[0], referenced[1]), set[Name]()
        while source in synonyms and source not in seen:
            seen.add(source)
            source = synonyms[source]
        if source != (owner, name) and source not in seen:  # a materialized view reads its own table
            found.add((TableName(*source), TableName(owner, name)))
    return [
        LineageEdge(source=source, target=target, origin=Origin.dependency_record) for source, target in sorted(found)
    ]
