"""The catalogue queries: a constant number of them, whatever the size of the database.

They run with the search path that `transaction.CATALOGUE` sets: every name, operator and cast without a schema is the
server's own, whatever others have created.
"""

RELATIONS = "'r', 'p', 'v', 'm', 'f'"

IDENTITY = "SELECT current_user::text, current_database()::text"

USER_SCHEMAS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
"""Schemas of users: PostgreSQL keeps names with `pg_`, temporary schemas among them, to itself."""

READABLE = """
    has_schema_privilege(n.oid, 'USAGE')
    AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
"""
VISIBLE = f"{USER_SCHEMAS} AND {READABLE}"

UNREADABLE = f"""
SELECT count(*)::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ({RELATIONS}) AND {USER_SCHEMAS} AND NOT ({READABLE})
"""  # noqa: S608 -- put together from constants

LOCKED = """
SELECT coalesce(array_agg(relation), '{}') AS relations FROM pg_locks
WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Relations that are being changed, or about to be: the text of a view that reads one is not there before that ends."""

DEFINITION = """
CASE WHEN c.relkind IN ('v', 'm') AND (cardinality(locked.relations) = 0 OR NOT EXISTS (
    SELECT FROM pg_rewrite AS w JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
    WHERE w.ev_class = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (locked.relations)
)) THEN pg_get_viewdef(c.oid) END
"""

TABLES = f"""
SELECT n.nspname, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class'),
       -- Before the first ANALYZE: -1 since PostgreSQL 14, no pages and no rows before.
       CASE WHEN c.relkind NOT IN ('v', 'f') AND c.reltuples >= 0 AND (c.relpages > 0 OR c.reltuples > 0
                 OR current_setting('server_version_num')::integer >= 140000) THEN c.reltuples::bigint END,
       coalesce((
           SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
                                            col_description(c.oid, a.attnum), pg_get_expr(e.adbin, e.adrelid))
                           ORDER BY a.attnum)
           FROM pg_attribute AS a LEFT JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]'::json),
       coalesce((
           SELECT json_agg(json_build_array(k.contype::text,
               CASE WHEN r.oid IS NOT NULL THEN json_build_array(f.nspname, r.relname) END,
               (SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(k.conkey) WITH ORDINALITY AS u(num, n)
                JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.num),
               (SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(k.confkey) WITH ORDINALITY AS u(num, n)
                JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.num)) ORDER BY k.conname)
           FROM pg_constraint AS k
           LEFT JOIN pg_class AS r ON r.oid = k.confrelid LEFT JOIN pg_namespace AS f ON f.oid = r.relnamespace
           WHERE k.conrelid = c.oid AND k.contype IN ('p', 'f')
             -- A key that refers to a partitioned table has a copy of itself for each partition there.
             AND NOT EXISTS (SELECT FROM pg_constraint AS o WHERE o.oid = k.conparentid AND o.conrelid = k.conrelid)
           ), '[]'::json),
       {DEFINITION}
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace CROSS JOIN ({LOCKED}) AS locked
WHERE c.relkind IN ({RELATIONS}) AND {VISIBLE}
ORDER BY n.nspname, c.relname
"""  # noqa: S608 -- put together from constants

LINEAGE = f"""
SELECT ns.nspname, s.relname, n.nspname, c.relname,
       coalesce(json_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL), '[]'::json)
FROM pg_rewrite AS w
JOIN pg_class AS c ON c.oid = w.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN (SELECT DISTINCT objid, refobjid, refobjsubid FROM pg_depend
      WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass) AS d ON d.objid = w.oid
JOIN pg_class AS s ON s.oid = d.refobjid AND s.oid <> c.oid JOIN pg_namespace AS ns ON ns.oid = s.relnamespace
LEFT JOIN pg_attribute AS a ON a.attrelid = s.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
WHERE w.ev_type = '1' AND c.relkind IN ('v', 'm') AND s.relkind IN ({RELATIONS})
  AND {VISIBLE} AND {USER_SCHEMAS.replace("n.nspname", "ns.nspname")}
GROUP BY 1, 2, 3, 4 ORDER BY 3, 4, 1, 2
"""  # noqa: S608 -- put together from constants

LEFTOVERS = """
SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relkind = 'r' AND left(c.relname, 16) = 'sourcecheck_tmp_'
  AND pg_get_userbyid(c.relowner) = current_user
  AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid)  -- a partition of something else
"""
