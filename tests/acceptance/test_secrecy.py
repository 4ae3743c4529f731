"""A canary password is looked for everywhere after a good and a bad test (security, rows on secrets)."""

import base64
from urllib.parse import quote

import psycopg
from psycopg import sql

from deployments.stack_home import Home
from deployments.stack_postgres import EmbeddedPostgres
from tests.acceptance.kit import SOURCES, finished, options, register
from tests.fix_database import Server
from tests.fix_service import Service

CANARY = "c4n'a\"ry@:/% pässwörd"


def test_a_password_is_nowhere(service: Service, embedded: Server) -> None:
    """Not in a table of either database, in a log, or in an answer, in any form in which it travels."""
    with embedded.connect() as session:
        session.execute(sql.SQL("CREATE ROLE canary LOGIN PASSWORD {}").format(sql.Literal(CANARY)))
    with service.client() as client:
        good = register(client, "Canary", options(embedded, user="canary", password=CANARY))
        answers = [finished(client, good, test_query="SELECT 1")]
        bad = register(client, "Canary wrong", options(embedded, user="reader", password=CANARY))
        answers.append(finished(client, bad))
        seen = str(answers) + client.get(SOURCES).text
    assert [answer["status"] for answer in answers] == ["done", "failed"]
    postgres = EmbeddedPostgres(Home(service.home))
    for name in ("catalogue", "prefect"):
        with postgres.conninfo(name).connect() as session:
            seen += everything(session)
    seen += "".join(log.read_text(errors="replace") for log in (service.home / "logs").glob("*"))
    assert "Canary" in seen
    assert_absent(seen)


def assert_absent(text: str) -> None:
    """No form of the canary."""
    raw = CANARY.encode()
    for form in (
        CANARY,
        CANARY.replace('"', '""'),
        repr(CANARY)[1:-1],
        quote(CANARY, safe=""),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    ):
        assert form not in text


def everything(session: psycopg.Connection[tuple[str, ...]]) -> str:
    """Every row of every table, as text."""
    tables = session.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    rows = []
    for schema, table in tables:
        query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, table))
        rows += [row[0] for row in session.execute(query)]
    return "\n".join(rows)
