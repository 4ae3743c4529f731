"""Rows that were kept before the details of a step had a limit."""

import json
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from datasources.catalogue.migrate import _config, upgrade
from datasources.model.settings import Settings
from tasks.sanitize import DETAILS_BYTES
from tests.fixtures.servers.database import PASSWORD, Server

SMALL = {"schema": "demo", "tables": [{"name": "orders"}]}
LARGE = {"tables": ["x" * 100] * 10_000}


def step(details: dict[str, Any] | None) -> dict[str, Any]:
    """A step as it is kept."""
    result = None if details is None else {"code": "OK", "message": "m", "outcome": "success", "details": details}
    return {"task": "schema_download", "step": "schema_download", "status": "done", "result": result}


@pytest.fixture(scope="module")
def kept(embedded: Server) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
    """The last test of a source and the results of its job, kept before the limit and migrated; a small source's."""
    with embedded.connect() as session:
        session.execute("CREATE DATABASE large_details")
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{embedded.port}/large_details"
    engine = create_engine(url.replace("postgresql", "postgresql+psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0002")
        connection.execute(text("INSERT INTO organizations (name) VALUES ('o')"))
        steps = [step(SMALL), step(LARGE), step(None)]
        for name, results in {"large": steps, "small": [step(SMALL)]}.items():
            last_test = {"tested_at": "2026-01-01T00:00:00.000000+00:00", "results": results}
            connection.execute(
                text(
                    "INSERT INTO data_sources (organization_id, name, type, options, last_test)"
                    " VALUES (1, :name, 'pg', '{}', :kept)"
                ),
                {"name": name, "kept": json.dumps(last_test)},
            )
        connection.execute(
            text(
                "INSERT INTO jobs (organization_id, source_id, source_revision, trigger, steps, deadline, results)"
                " VALUES (1, 1, 1, 'test', '[]', now(), :results)"
            ),
            {"results": json.dumps(steps)},
        )
    upgrade(Settings(database_url=url))
    with engine.connect() as connection:
        large, small = connection.scalars(text("SELECT last_test FROM data_sources ORDER BY id")).all()
        return large, connection.scalars(text("SELECT results FROM jobs")).one(), small


def test_large_details_are_cut_and_nothing_else(kept: tuple[dict[str, Any], list[Any], dict[str, Any]]) -> None:
    """Of a large step only the details go, and say how many bytes they had; the other steps stay, in their order."""
    large, results, _ = kept
    for steps in (large["results"], results):
        assert [steps[0], steps[2]] == [step(SMALL), step(None)]
        cut = steps[1]["result"]["details"]["cut"]["details"]
        assert cut > DETAILS_BYTES
        assert steps[1] == step({"cut": {"details": cut}})
    assert large["tested_at"] == "2026-01-01T00:00:00.000000+00:00"


def test_small_details_stay(kept: tuple[dict[str, Any], list[Any], dict[str, Any]]) -> None:
    """A row within the limit is as it was."""
    assert kept[2]["results"] == [step(SMALL)]
