"""Redshift's catalogue queries: a constant number, in the words of its own system views.

No aggregates over arrays and no JSON: the leader node has neither.
"""

OURS = "NOT IN ('pg_catalog', 'information_schema', 'pg_internal', 'pg_automv', 'pg_auto_copy', 'pg_s3')"
USERS = f"schema_name {OURS} AND schema_name NOT LIKE 'pg!_temp!_%' ESCAPE '!'"

MEMBERS = f"""
SELECT schema_name, table_name, table_type, remarks FROM svv_all_tables
WHERE database_name = current_database() AND {USERS} ORDER BY schema_name, table_name
"""  # noqa: S608 -- put together from constants
COLUMNS = f"""
SELECT schema_name, table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale,
       is_nullable, column_default, remarks
FROM svv_all_columns WHERE database_name = current_database() AND {USERS}
ORDER BY schema_name, table_name, ordinal_position
"""  # noqa: S608 -- put together from constants
KEYS = f"""
SELECT n.nspname, c.relname, pg_get_constraintdef(k.oid)
FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype IN ('p', 'f') AND n.nspname {OURS} ORDER BY n.nspname, c.relname, k.conname
"""  # noqa: S608 -- put together from constants
VIEWS = f"""
SELECT schemaname, viewname, definition FROM pg_views WHERE schemaname {OURS}
"""  # noqa: S608 -- put together from constants
ROWS = 'SELECT "schema", "table", tbl_rows::bigint FROM svv_table_info WHERE "database" = current_database()'
DEPENDENCIES = f"""
SELECT DISTINCT ns.nspname, s.relname, n.nspname, c.relname, a.attname
FROM pg_rewrite AS w
JOIN pg_class AS c ON c.oid = w.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_depend AS d ON d.objid = w.oid
JOIN pg_class AS s ON s.oid = d.refobjid AND s.oid <> c.oid JOIN pg_namespace AS ns ON ns.oid = s.relnamespace
LEFT JOIN pg_attribute AS a ON a.attrelid = s.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
WHERE c.relkind = 'v' AND n.nspname {OURS} AND ns.nspname {OURS}
  AND has_schema_privilege(n.nspname, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
"""  # noqa: S608 -- put together from constants
HISTORY = """
SELECT h.query_id, t.text FROM sys_query_history AS h JOIN sys_query_text AS t ON t.query_id = h.query_id
WHERE h.query_type IN ('INSERT', 'CTAS', 'UPDATE', 'DDL') AND h.status = 'success'
  AND h.database_name = current_database() ORDER BY h.start_time DESC, h.query_id, t.sequence LIMIT 5000
"""
HAS_ROLE = "SELECT 1 FROM svv_user_grants WHERE user_name = current_user AND role_name = {role}"
VERSION = "SELECT version()"
LEFTOVERS = """
SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relkind = 'r' AND substring(c.relname, 1, 16) = 'sourcecheck_tmp_'
  AND pg_get_userbyid(c.relowner) = current_user
"""
