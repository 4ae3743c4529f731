"""No host, file or option gets to the driver but by typed fields (security row 3).

What the API lets in: `test_options_are_an_allow_list` in `tests/acceptance/sources/test_sources.py`.
"""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from datasources.databases.postgres import Postgres
from datasources.databases.postgres.model import PgOptions
from datasources.databases.postgres.parameters import SERVICE, Certificates, certificate_files, conninfo
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from tests.fixtures.servers.database import PASSWORD, Server

ELSEWHERE = "192.0.2.1"
POISON = {
    "PGHOST": ELSEWHERE,
    "PGHOSTADDR": ELSEWHERE,
    "PGPORT": "1",
    "PGUSER": "stranger",
    "PGPASSWORD": "wrong",
    "PGDATABASE": "elsewhere",
    "PGPASSFILE": "{folder}/pgpass",
    "PGSERVICE": "trap",
    "PGSERVICEFILE": "{folder}/service",
    "PGSYSCONFDIR": "{folder}",
    "PGOPTIONS": "-c nonsense=1",
    "PGAPPNAME": "stranger",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "{folder}/nothing",
    "PGSSLCERT": "{folder}/nothing",
    "PGSSLKEY": "{folder}/nothing",
    "PGREQUIREAUTH": "gss",
    "PGCHANNELBINDING": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGCONNECT_TIMEOUT": "nonsense",
    "PGCLIENTENCODING": "nonsense",
    "PGDATESTYLE": "German",
    "PGTZ": "Asia/Tokyo",
    "PGGEQO": "off",
    "PGMAXPROTOCOLVERSION": "nonsense",
}
"""Variables of the worker, each of which would break or bend a connection that looks at it."""


def parameters(address: str = "127.0.0.1", **options: Any) -> dict[str, Any]:
    """What libpq is told, as libpq itself reads it."""
    facts = {"host": "db.test", "user": "u", "dbname": "d"} | options
    return conninfo_to_dict(conninfo(PgOptions(**facts), address, 5432, Certificates("/nonexistent"), 5))


def test_every_option_of_libpq_is_ours() -> None:
    """All that libpq would otherwise look up is set: a later libpq with one more variable fails here."""
    told = parameters()
    looked_up = {
        option.keyword.decode()
        for option in Conninfo.get_defaults()
        if option.envvar and option.envvar != SERVICE  # hidden, as no parameter overrides it
    }
    assert looked_up - set(told) == set()


def test_what_libpq_is_told() -> None:
    """An address of ours, no file of the worker's, no service, no other way to log in."""
    told = parameters(address="203.0.113.7", password="x", role="r")
    assert (told["hostaddr"], told["host"], told["port"]) == ("203.0.113.7", "db.test", "5432")
    assert not {"service", "servicefile"} & set(told)
    for name in ("sslcert", "sslkey", "sslcrl", "sslcrldir", "passfile"):
        assert not Path(told[name]).exists()
    assert (told["gssencmode"], told["sslcertmode"], told.get("options", "")) == ("disable", "disable", "")
    assert "gss" not in told["require_auth"]


@pytest.mark.parametrize(
    "text",
    [
        f"postgres host={ELSEWHERE}",
        f"postgres' hostaddr='{ELSEWHERE}",
        f"postgresql://{ELSEWHERE}/postgres",
        f"host={ELSEWHERE} dbname=postgres",
        "service=trap",
        "a\\' passfile=/etc/passwd \\'",
        "%2Fvar%2Frun",
    ],
)
def test_a_value_stays_a_value(text: str) -> None:
    """Quotes, blanks and whole connection strings inside one field change no other."""
    plain = parameters(password="x", role="r")
    for field in ("user", "dbname", "password"):
        told = parameters(**{"password": "x", "role": "r", field: text})
        assert told == plain | {field: text}


@pytest.mark.parametrize("field", ["user", "dbname", "password"])
@pytest.mark.parametrize("text", [f"host={ELSEWHERE}", f"postgresql://{ELSEWHERE}/postgres"])
async def test_the_server_gets_the_value(database: Server, field: str, text: str) -> None:
    """It is our server that does not know them: no other one was asked."""
    with pytest.raises(SourceUnreachable) as caught:
        async with Postgres.connect(database.source(**{field: text})):
            pass
    expected = ErrorCode.DATABASE_NOT_FOUND if field == "dbname" else ErrorCode.AUTHENTICATION_FAILED
    assert caught.value.code is expected


async def test_the_workers_environment_is_not_looked_at(
    database: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not one variable of libpq's, nor the files that it looks for in the home."""
    home = tmp_path / "home"
    (home / ".postgresql").mkdir(parents=True)
    (home / ".postgresql" / "root.crt").write_text("no certificate")
    for file in (home / ".pgpass", tmp_path / "pgpass"):
        file.write_text("*:*:*:*:wrong\n")
        file.chmod(0o600)
    for file in (home / ".pg_service.conf", tmp_path / "service", tmp_path / "pg_service.conf"):
        file.write_text(f"[trap]\nhostaddr={ELSEWHERE}\nuser=stranger\n")
    expected = await seen(database)
    monkeypatch.setenv("HOME", str(home))
    for name, value in POISON.items():
        monkeypatch.setenv(name, value.format(folder=tmp_path))
    assert await seen(database) == expected
    assert {name: os.environ[name] for name in POISON} == {n: v.format(folder=tmp_path) for n, v in POISON.items()}


async def seen(server: Server) -> dict[str, str | None]:
    """What the server sees of our session."""
    settings = ("application_name", "timezone", "datestyle", "geqo", "client_encoding")
    answers = {}
    async with Postgres.connect(server.source()) as session:
        answers["user"] = (await session.identity()).user
        for name in settings:
            answers[name] = (await session.query(f"SELECT current_setting('{name}')")).value
    return answers


async def test_no_password_is_looked_for(database: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A source without a password uses none that the worker could find."""
    file = tmp_path / ".pgpass"
    file.write_text(f"*:*:*:*:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGPASSFILE", str(file))
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with pytest.raises(SourceUnreachable) as caught:
        async with Postgres.connect(database.source(password=None)):
            pass
    assert (caught.value.code, caught.value.details["secret_missing"]) == (ErrorCode.AUTHENTICATION_FAILED, True)


def test_a_certificate_lies_in_a_file_of_ours_for_a_moment() -> None:
    """PEM text, readable by nobody else, and gone afterwards whatever happens."""
    options = PgOptions(
        host="h", user="u", dbname="d", sslmode="verify-full", rootcert="root PEM", sslcert="own PEM", sslkey="key PEM"
    )
    with pytest.raises(KeyError), certificate_files(options) as files:
        for name, text in ((files.root, "root PEM"), (files.own, "own PEM"), (files.key, "key PEM")):
            assert Path(name).read_text() == f"{text}\n"
            assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
        raise KeyError
    assert not any(Path(name).exists() for name in (files.root, files.own, files.key))
