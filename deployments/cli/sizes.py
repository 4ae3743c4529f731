"""How large the databases are, and which tables make them so: what an operator wants to know when the disk fills."""

from urllib.parse import urlsplit, urlunsplit

import psycopg

from datasources.model.settings import Settings
from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres

MOST = 4
"""Tables that are named."""
SIZES = """
SELECT pg_size_pretty(pg_database_size(current_database())), string_agg(name || ' ' || pg_size_pretty(bytes), ', ')
FROM (SELECT relname AS name, pg_total_relation_size(oid) AS bytes FROM pg_class
      WHERE relkind = 'r' AND relnamespace = to_regnamespace('public') ORDER BY 2 DESC LIMIT %s) AS largest
"""


def database_sizes(settings: Settings, home: Home) -> list[str]:
    """One sentence for each database that answers: its size, and its largest tables with their indexes."""
    embedded = EmbeddedPostgres(home)
    prefect = settings.prefect_database_url or (embedded.conninfo("prefect").url() if embedded.exists else None)
    named = {"catalogue": settings.database_url, "Prefect's database": prefect}
    return [said for name, url in named.items() if url and (said := _size(name, url))]


def _size(name: str, url: str) -> str | None:
    plain = urlunsplit(urlsplit(url)._replace(scheme="postgresql"))  # without the driver that SQLAlchemy is told
    try:
        with psycopg.connect(plain, connect_timeout=5) as session:
            whole, tables = session.execute(SIZES, [MOST]).fetchone() or ("", "")
    except psycopg.Error:
        return None
    return f"{name} {whole}: {tables}" if tables else f"{name} {whole}"
