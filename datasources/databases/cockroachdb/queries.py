"""CockroachDB's catalogue queries: a constant number, over what it has of `pg_catalog` (its page "pg_catalog").

No JSON over several tables and no lateral queries: its virtual tables are walked again for each row of those.
"""

from datasources.databases.postgres.queries import READABLE, RELATIONS

OURS = "NOT IN ('information_schema', 'crdb_internal')"
USERS = f"n.nspname !~ '^pg_' AND n.nspname {OURS}"
OF_USERS = f"c.relkind IN ({RELATIONS}) AND {USERS} AND {READABLE}"
CLASSES = "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"

VERSION = "SELECT version()"
MEMBERS = f"""
SELECT n.nspname, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class'),
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END
{CLASSES} WHERE {OF_USERS} ORDER BY n.nspname, c.relname
"""
COLUMNS = f"""
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(e.adbin, e.adrelid), col_description(c.oid, a.attnum)
{CLASSES} JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
WHERE {OF_USERS} ORDER BY n.nspname, c.relname, a.attnum
"""
KEYS = f"""
SELECT n.nspname, c.relname, k.conname, fn.nspname, f.relname, a.attname, fa.attname
{CLASSES} JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype IN ('p', 'f')
JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
LEFT JOIN pg_class AS f ON f.oid = k.confrelid LEFT JOIN pg_namespace AS fn ON fn.oid = f.relnamespace
LEFT JOIN pg_attribute AS fa ON fa.attrelid = k.confrelid AND fa.attnum = k.confkey[array_position(k.conkey, a.attnum)]
WHERE {OF_USERS} ORDER BY n.nspname, c.relname, k.conname, array_position(k.conkey, a.attnum)
"""
ROWS = f"""
SELECT n.nspname, c.relname, s.estimated_row_count::bigint
{CLASSES} JOIN crdb_internal.table_row_statistics AS s ON s.table_id::bigint = c.oid::bigint
WHERE {OF_USERS} AND s.estimated_row_count IS NOT NULL
"""
"""Restricted by default since 25.4 (`allow_unsafe_internals`): no counts then."""
DEPENDENCIES = f"""
SELECT DISTINCT ns.nspname, s.relname, n.nspname, c.relname, a.attname
{CLASSES} JOIN pg_rewrite AS w ON w.ev_class = c.oid JOIN pg_depend AS d ON d.objid = w.oid
JOIN pg_class AS s ON s.oid = d.refobjid AND s.oid <> c.oid JOIN pg_namespace AS ns ON ns.oid = s.relnamespace
LEFT JOIN pg_attribute AS a ON a.attrelid = s.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
WHERE {OF_USERS} AND c.relkind IN ('v', 'm') AND ns.nspname {OURS}
"""
