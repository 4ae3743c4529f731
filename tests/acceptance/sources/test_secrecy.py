"""Canary passwords are looked for everywhere after good and bad tests (security row 8)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from psycopg import sql

from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres
from tests.acceptance.kit import IMMEDIATE, SOURCES, ask, ended, options, register, unique
from tests.acceptance.servers import rows_of
from tests.disguises import disguises
from tests.fixtures.servers.database import Server, free_port
from tests.fixtures.servers.ssh import Sshd
from tests.fixtures.service import Service

CANARIES = [
    "c4n'a\"ry@:/%& pä\\sswörd-日本",
    "zwei\nzeilen-kanarie",
    "kanarienvogel",
    "kanarienvogel-und-mehr",
    "{kanarie}`$(id)`;--%s%0A<b>",
]
GATEWAY_SECRETS = {"password": "kanarie-am-tor", "passphrase": "kanarie-im-schlüssel"}


@pytest.fixture(scope="module")
def roles(embedded: Server) -> list[str]:
    """A role for each canary, whose password it is."""
    names = [f"canary_{number}" for number in range(len(CANARIES))]
    with embedded.connect() as session:
        for name, canary in zip(names, CANARIES, strict=True):
            create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(canary))
            session.execute(create)
    return names


def bodies(secret: str) -> Iterator[dict[str, Any]]:
    """Tests whose queries hold the secret: answered, and quoted by the server's errors in several ways."""
    literal = sql.Literal(secret).as_string()
    yield {}
    yield {"test_query": f"SELECT {literal}::text"}
    yield {"test_query": f"SELECT {literal}::int"}
    yield {"test_query": f"SELECT encode(convert_to('user:' || {literal}, 'UTF8'), 'base64')"}
    yield {"test_query": f"SELECT {sql.Identifier(secret).as_string()} FROM shop.customer"}
    yield {"test_query": f"SELECT repeat('x', 990) || {literal}"}


def asked(client: httpx.Client, embedded: Server, roles: list[str], sshd: Sshd) -> tuple[list[int], list[int]]:
    """Jobs of every kind that has to do with a secret, and the sources that they test."""
    jobs, sources = [], []
    for role, canary in zip(roles, CANARIES, strict=True):
        right = options(embedded, user=role, password=canary)
        for body in bodies(canary):
            sources.append(register(client, unique("Canary"), right))
            jobs.append(ask(client, sources[-1], **body))
    for wrong in ({}, {"user": "reader"}, {"dbname": "nothing"}, {"port": free_port()}, {"sslmode": "require"}):
        given = options(embedded, user=roles[0], password=CANARIES[0]) | wrong
        sources.append(register(client, unique("Canary"), given, temp_schema="locked"))
        jobs.append(ask(client, sources[-1]))
    pinned = {"host_key": sshd.host_keys["ed25519"]}
    for login in (GATEWAY_SECRETS | pinned, pinned | {"private_key": GATEWAY_SECRETS["passphrase"]}):
        tunnel = {"host": "127.0.0.1", "port": sshd.port, "username": "nobody", **login}
        source = options(embedded, password=CANARIES[0])
        sources.append(register(client, unique("Canary"), source, ssh_tunnel=tunnel))
        jobs.append(ask(client, sources[-1], on_question="fail"))
    return jobs, sources


def test_a_password_is_nowhere(service: Service, embedded: Server, sshd: Sshd, roles: list[str]) -> None:
    """Not in a table of either database, in a log, or in an answer, in any form in which it travels."""
    with service.client() as client:
        jobs, sources = asked(client, embedded, roles, sshd)
        answers = [ended(client, job) for job in jobs]
        seen = str(answers) + client.get(SOURCES).text
        for source in sources[:2]:
            query = f"SELECT {sql.Literal(CANARIES[0]).as_string()}"
            seen += client.post(f"{IMMEDIATE}/{source}/test", json={"test_query": query}).text
            seen += client.get(f"{IMMEDIATE}/{source}").text + client.get(f"{IMMEDIATE}/{source}/health").text
            seen += client.patch(f"{SOURCES}/{source}", json={"options": {"password": CANARIES[1]}}).text
            seen += client.patch(f"{SOURCES}/{source}", json={"options": {"password": CANARIES[1], "port": "x"}}).text
    assert {answer["status"] for answer in answers} == {"done", "failed"}
    assert "***" in seen
    postgres = EmbeddedPostgres(Home(service.home))
    for name in ("catalogue", "prefect"):
        with postgres.conninfo(name).connect() as session:
            seen += rows_of(session)
    seen += "".join(log.read_text(errors="replace") for log in (service.home / "logs").glob("*"))
    seen += (service.home.parent / "up.log").read_text(errors="replace")
    assert "Canary" in seen
    assert found_in(seen) == {}


def found_in(text: str) -> dict[str, list[str]]:
    """The canaries that are there, and in which form."""
    folded = text.lower()
    found = {
        secret: [name for name, form in disguises(secret).items() if form.lower() in folded]
        for secret in [*CANARIES, *GATEWAY_SECRETS.values()]
    }
    return {secret: forms for secret, forms in found.items() if forms}


def test_they_would_be_found() -> None:
    """The search itself: a form in the middle of something is one."""
    for secret in CANARIES:
        for name, form in disguises(secret).items():
            assert name in found_in(f"…{form}…")[secret]
