"""Snowflake as fakesnow has it, in an environment of its own."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datasources.databases.snowflake.library import connector
from tests.emulators.kit import environment, scratch_folder, wait_until_listening
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import PASSWORD, free_port

SERVER = Path(__file__).parent / "server.py"
SHOP = """
CREATE DATABASE "lake"; USE DATABASE "lake";
CREATE SCHEMA "shop"; CREATE SCHEMA "scratch"; CREATE SCHEMA "locked";
CREATE TABLE "shop"."customer" ("id" NUMBER(38,0) PRIMARY KEY, "name" VARCHAR(50) NOT NULL);
CREATE TABLE "shop"."orders" ("id" NUMBER(38,0) PRIMARY KEY, "customer_id" NUMBER(38,0) REFERENCES "shop"."customer" ("id"),
    "total" NUMBER(10,2)) COMMENT = 'What was bought';
CREATE VIEW "shop"."totals" AS SELECT "customer_id", sum("total") AS "total" FROM "lake"."shop"."orders" GROUP BY "customer_id";
CREATE VIEW "shop"."best" AS SELECT c."name", t."total" FROM "lake"."shop"."totals" AS t
    JOIN "lake"."shop"."customer" AS c ON c."id" = t."customer_id"
"""


@dataclass(frozen=True)
class Snow:
    """A running emulator."""

    port: int
    folder: Path

    def run(self, *statements: str, database: str = "lake") -> list[Any]:
        """What each statement answers to a user who may do everything."""
        login = {
            "account": "test",
            "user": "admin",
            "password": PASSWORD,
            "host": "127.0.0.1",
            "protocol": "http",
            "use_proxy_env": False,
            "enable_server_session_keep_alive_auto_detection": False,
        }
        more = {"database": f'"{database}"', "schema": '"shop"'} if database else {}
        with connector().connect(port=self.port, **login, **more) as connection:
            return [connection.cursor().execute(statement).fetchall() for statement in statements]


@pytest.fixture(scope="session")
def snow() -> Iterator[Snow]:
    """fakesnow, with the shop in it."""
    home, port = environment("fakesnow"), free_port()
    with scratch_folder("snow") as folder:
        command = [str(home / "bin" / "python"), str(SERVER), str(port), PASSWORD, str(folder)]
        quiet = {name: value for name, value in os.environ.items() if not name.startswith("SNOWFLAKE")}
        with kept(command, env=quiet, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("wb")) as process:
            wait_until_listening(port, process, 120, folder / "log")
            started = Snow(port, folder)
            started.run(*(statement for statement in SHOP.split(";") if statement.strip()), database="")
            yield started
