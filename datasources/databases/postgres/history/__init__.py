"""Lineage from earlier statements, as PostgreSQL's extension pg_stat_statements remembers them."""
