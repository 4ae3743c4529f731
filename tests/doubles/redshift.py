"""What makes a database of PostgreSQL look like Redshift: its version, and the system views that we read."""

REDSHIFT = """
SET allow_system_table_mods = on;
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.12103'::text $$;
CREATE TABLE pg_catalog.late_binding (schemaname text, viewname text, definition text);
CREATE VIEW pg_catalog.svv_all_tables AS
    SELECT table_catalog::text AS database_name, table_schema::text AS schema_name, table_name::text,
        CASE WHEN table_type = 'VIEW' THEN 'VIEW' ELSE 'TABLE' END AS table_type,
        obj_description((quote_ident(table_schema) || '.' || quote_ident(table_name))::regclass, 'pg_class') AS remarks
    FROM information_schema.tables
    UNION ALL SELECT current_database()::text, schemaname, viewname, 'VIEW', NULL FROM pg_catalog.late_binding;
CREATE VIEW pg_catalog.svv_all_columns AS
    SELECT table_catalog::text AS database_name, table_schema::text AS schema_name, table_name::text, column_name::text,
        ordinal_position::integer, column_default::text, is_nullable::text, data_type::text,
        character_maximum_length::integer,
        CASE WHEN data_type = 'numeric' THEN numeric_precision::integer END AS numeric_precision,
        numeric_scale::integer, NULL::text AS remarks
    FROM information_schema.columns;
CREATE VIEW pg_catalog.svv_table_info AS SELECT current_database()::text AS "database", 'shop'::text AS "schema",
    'orders'::text AS "table", 12.0::numeric AS tbl_rows;
CREATE TABLE pg_catalog.svv_user_grants (user_name text, role_name text);
INSERT INTO pg_catalog.svv_user_grants VALUES ('reader', 'analyst');
CREATE TABLE pg_catalog.sys_query_history
    (query_id bigint, query_type text, status text, database_name text, start_time timestamptz);
CREATE TABLE pg_catalog.sys_query_text (query_id bigint, sequence integer, text text);
ALTER VIEW pg_catalog.pg_views RENAME TO pg_views_of_postgres;
CREATE VIEW pg_catalog.pg_views AS SELECT schemaname::text, viewname::text, definition FROM pg_catalog.pg_views_of_postgres
    UNION ALL SELECT * FROM pg_catalog.late_binding;
GRANT SELECT ON pg_catalog.svv_all_tables, pg_catalog.svv_all_columns, pg_catalog.svv_table_info,
    pg_catalog.svv_user_grants, pg_catalog.sys_query_history, pg_catalog.sys_query_text, pg_catalog.late_binding,
    pg_catalog.pg_views TO reader;
"""
