"""What is asked of the catalogue: a constant number of statements, whatever the number of tables."""

# ruff: noqa: S608 -- put together from constants

from msgspec import Struct

from datasources.databases.history.edges import MOST_STATEMENTS

OF_TABLES = """
JOIN sys.schemas AS s ON s.schema_id = o.schema_id"""
ONLY_OURS = "o.type IN ('U', 'V') AND o.is_ms_shipped = 0"
MEMBERS = f"""
SELECT s.name, o.name, o.type, i.index_id, {{comment}}, {{rows}}, m.definition
FROM sys.objects AS o {OF_TABLES}
LEFT JOIN sys.indexes AS i ON i.object_id = o.object_id AND i.index_id = 1
LEFT JOIN sys.sql_modules AS m ON m.object_id = o.object_id
{{joined}}
WHERE {ONLY_OURS} ORDER BY s.name, o.name
"""
COLUMNS = f"""
SELECT s.name, o.name, c.name, t.name, c.max_length, c.precision, c.scale, c.is_nullable, {{default}}, {{comment}}
FROM sys.columns AS c JOIN sys.objects AS o ON o.object_id = c.object_id {OF_TABLES}
JOIN sys.types AS t ON t.user_type_id = c.user_type_id
{{joined}}
WHERE {ONLY_OURS} ORDER BY s.name, o.name, c.column_id
"""
CLASSIC_MEMBERS = MEMBERS.format(
    comment="CAST(p.value AS nvarchar(4000))",
    rows="r.total",
    joined="""LEFT JOIN sys.extended_properties AS p
    ON p.class = 1 AND p.major_id = o.object_id AND p.minor_id = 0 AND p.name = N'MS_Description'
LEFT JOIN (SELECT object_id, SUM(rows) AS total FROM sys.partitions WHERE index_id IN (0, 1) GROUP BY object_id) AS r
    ON r.object_id = o.object_id""",
)
CLASSIC_COLUMNS = COLUMNS.format(
    default="COALESCE(d.definition, e.definition)",
    comment="CAST(p.value AS nvarchar(4000))",
    joined="""LEFT JOIN sys.default_constraints AS d ON d.object_id = c.default_object_id
LEFT JOIN sys.computed_columns AS e ON e.object_id = c.object_id AND e.column_id = c.column_id
LEFT JOIN sys.extended_properties AS p
    ON p.class = 1 AND p.major_id = c.object_id AND p.minor_id = c.column_id AND p.name = N'MS_Description'""",
)
PLAIN_MEMBERS = MEMBERS.format(comment="NULL", rows="NULL", joined="")
"""Synapse and Fabric: no extended properties, and counts of rows that are none."""
PLAIN_COLUMNS = COLUMNS.format(default="NULL", comment="NULL", joined="")
PRIMARY = f"""
SELECT s.name, o.name, c.name
FROM sys.key_constraints AS k JOIN sys.objects AS o ON o.object_id = k.parent_object_id {OF_TABLES}
JOIN sys.index_columns AS x ON x.object_id = k.parent_object_id AND x.index_id = k.unique_index_id
JOIN sys.columns AS c ON c.object_id = x.object_id AND c.column_id = x.column_id
WHERE k.type = 'PK' ORDER BY s.name, o.name, x.key_ordinal
"""
FOREIGN = f"""
SELECT s.name, o.name, f.name, c.name, ts.name, t.name, tc.name
FROM sys.foreign_keys AS f JOIN sys.objects AS o ON o.object_id = f.parent_object_id {OF_TABLES}
JOIN sys.foreign_key_columns AS x ON x.constraint_object_id = f.object_id
JOIN sys.columns AS c ON c.object_id = x.parent_object_id AND c.column_id = x.parent_column_id
JOIN sys.objects AS t ON t.object_id = x.referenced_object_id JOIN sys.schemas AS ts ON ts.schema_id = t.schema_id
JOIN sys.columns AS tc ON tc.object_id = x.referenced_object_id AND tc.column_id = x.referenced_column_id
ORDER BY s.name, o.name, f.name, x.constraint_column_id
"""
DEPENDENCIES = f"""
SELECT DISTINCT ts.name, t.name, s.name, o.name
FROM sys.sql_expression_dependencies AS d JOIN sys.objects AS o ON o.object_id = d.referencing_id {OF_TABLES}
JOIN sys.objects AS t ON t.object_id = d.referenced_id JOIN sys.schemas AS ts ON ts.schema_id = t.schema_id
WHERE o.type = 'V' AND t.type IN ('U', 'V') AND d.referenced_class = 1 AND t.object_id <> o.object_id
"""
NAMES = f"""
SELECT o.name FROM sys.objects AS o {OF_TABLES}
WHERE s.name = {{schema}} AND o.type = 'U' AND o.name LIKE N'sourcecheck[_]tmp[_]%'
"""
QUERY_STORE_STATE = "SELECT actual_state FROM sys.database_query_store_options"
WRITES = """LOWER({text}) LIKE N'%insert%' OR LOWER({text}) LIKE N'%merge%' OR LOWER({text}) LIKE N'%into%'
    OR LOWER({text}) LIKE N'%update%' OR LOWER({text}) LIKE N'%create%table%'"""


class Log(Struct, frozen=True):
    """Where a product keeps the statements of before."""

    read_from: str
    statement: str
    """Answers texts, and the schema in which a name without one is found, the latest first."""
    missing: str
    """What lets the user read it."""


QUERY_STORE = Log(
    read_from="sys.query_store_query_text (Query Store; as long as it is kept there)",
    statement=f"""
SELECT TOP ({MOST_STATEMENTS}) t.query_sql_text, COALESCE(s.name, N'dbo')
FROM sys.query_store_query AS q JOIN sys.query_store_query_text AS t ON t.query_text_id = q.query_text_id
JOIN sys.query_context_settings AS c ON c.context_settings_id = q.context_settings_id
LEFT JOIN sys.schemas AS s ON s.schema_id = c.default_schema_id
WHERE q.is_internal_query = 0 AND ({WRITES.format(text="t.query_sql_text")})
ORDER BY q.last_execution_time DESC
""",
    missing="GRANT VIEW DATABASE STATE TO {user}, from SQL Server 2022 on VIEW DATABASE PERFORMANCE STATE",
)
DEDICATED_POOL = Log(
    read_from="sys.dm_pdw_exec_requests (the last 10,000 requests, 4,000 characters of each)",
    statement=f"""
SELECT TOP ({MOST_STATEMENTS}) r.command, N'dbo' FROM sys.dm_pdw_exec_requests AS r
WHERE r.status = N'Completed' AND ({WRITES.format(text="r.command")}) ORDER BY r.submit_time DESC
""",
    missing="GRANT VIEW DATABASE STATE TO {user}",
)
SERVERLESS_POOL = Log(
    read_from="sys.dm_exec_requests_history",
    statement=f"""
SELECT TOP ({MOST_STATEMENTS}) r.query_text, N'dbo' FROM sys.dm_exec_requests_history AS r
WHERE r.status = N'Succeeded' AND ({WRITES.format(text="r.query_text")}) ORDER BY r.start_time DESC
""",
    missing="USE master; GRANT VIEW SERVER STATE TO {user}",
)
FABRIC = Log(
    read_from="queryinsights.exec_requests_history (30 days)",
    statement=f"""
SELECT TOP ({MOST_STATEMENTS}) r.command, N'dbo' FROM queryinsights.exec_requests_history AS r
WHERE r.status = N'Succeeded' AND ({WRITES.format(text="r.command")}) ORDER BY r.start_time DESC
""",
    missing="give {user} the role Contributor in the workspace",
)
ALL = [
    CLASSIC_MEMBERS, CLASSIC_COLUMNS, PLAIN_MEMBERS, PLAIN_COLUMNS, PRIMARY, FOREIGN, DEPENDENCIES,
    NAMES.format(schema="N'scratch'"), QUERY_STORE_STATE,
    *(log.statement for log in (QUERY_STORE, DEDICATED_POOL, SERVERLESS_POOL, FABRIC)),
]  # fmt: skip
"""Every one of them, as it is sent."""
