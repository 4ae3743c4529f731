"""What makes a database of PostgreSQL look like Aurora's: the function that tells its version."""

AURORA = """
SET allow_system_table_mods = on;
CREATE FUNCTION pg_catalog.aurora_version() RETURNS text LANGUAGE sql STABLE AS $$ SELECT '18.1.2'::text $$;
"""
