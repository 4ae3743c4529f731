"""What makes a database of PostgreSQL look like CockroachDB: its version, and the statistics that we read."""

COCKROACHDB = """
SET allow_system_table_mods = on;
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'CockroachDB CCL v25.2.1 (x86_64-pc-linux-gnu, built 2025/06/03 14:25:18, go1.23.7)'::text $$;
CREATE SCHEMA crdb_internal;
CREATE VIEW crdb_internal.table_row_statistics AS
    SELECT 'shop.orders'::regclass::oid::bigint AS table_id, 'orders'::text AS table_name, 12::bigint AS estimated_row_count;
GRANT USAGE ON SCHEMA crdb_internal TO reader;
GRANT SELECT ON crdb_internal.table_row_statistics TO reader;
"""
