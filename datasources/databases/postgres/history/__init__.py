"""What earlier statements have made from what: as PostgreSQL's extension pg_stat_statements remembers them."""
