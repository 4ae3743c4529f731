"""The compose file runs, and beside it a database to test; until the end of the block."""

import asyncio
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import msgspec
from cryptography.fernet import Fernet
from msgspec import Struct

from benchmarks.machines.cluster import Cluster
from benchmarks.machines.compose import Healthcheck, Service, read_compose
from benchmarks.machines.network import Networks
from datasources.catalogue.engine import session_scope
from datasources.catalogue.organizations.accounts import bootstrap
from datasources.model.settings import Settings
from deployments.stack import reaper
from deployments.stack.credential import PrefectAuth

FILE = Path(__file__).parents[2] / "deployments" / "compose.scale.yaml"
SHOP = "shop"
"""The database that is tested, which the file does not have."""
OUTSIDE = "outside"
"""The network of the file in which workers are."""
TABLES = """
CREATE SCHEMA scratch;
CREATE TABLE customer (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customer, total numeric(10, 2));
CREATE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;
"""
LOCAL = {"Host": "localhost"}
"""How the published ports are called on the machine itself."""


class Running(Struct, frozen=True):
    """Where everything is."""

    cluster: Cluster
    environ: dict[str, str]
    """What an operator has set."""
    key: str

    def address(self, name: str) -> str:
        """Of one of our APIs, or of what is in front of them (`api`)."""
        return f"http://{self.cluster.address(name)}:8000"

    def prefect_address(self, name: str = "prefect") -> str:
        """Of one of Prefect's APIs, or of what is in front of them."""
        return f"http://{self.cluster.address(name)}:4200/api"

    def client(self, name: str = "api", key: str | None = None) -> httpx.Client:
        """A client of our API, with a key."""
        headers = LOCAL | {"Authorization": f"Key {key or self.key}"}
        return httpx.Client(base_url=self.address(name), headers=headers, timeout=120, trust_env=False)

    def async_client(self) -> httpx.AsyncClient:
        """The same for many requests at once."""
        headers = LOCAL | {"Authorization": f"Key {self.key}"}
        limits = httpx.Limits(max_connections=100)
        return httpx.AsyncClient(
            base_url=self.address("api"), headers=headers, timeout=120, limits=limits, trust_env=False
        )

    @property
    def catalogue(self) -> str:
        """How this process reaches the catalogue."""
        password, host = self.environ["CATALOGUE_PASSWORD"], self.cluster.address("postgres", OUTSIDE)
        return f"postgresql://catalogue:{password}@{host}:5432/catalogue"

    def prefect_client(self) -> httpx.Client:
        """A client of Prefect's API with the credential."""
        address = self.prefect_address()
        auth = PrefectAuth(address, self.environ["PREFECT_API_AUTH_STRING"])
        return httpx.Client(base_url=address, headers=LOCAL, auth=auth, timeout=60, trust_env=False)

    def source(self, name: str) -> dict[str, object]:
        """The database to test, as it is registered."""
        options = {"host": SHOP, "port": 5432, "user": SHOP, "password": self.environ["POSTGRES_PASSWORD"]}
        return {"name": name, "type": "pg", "options": options | {"dbname": SHOP}, "temp_schema": f"{SHOP}.scratch"}


@contextmanager
def running(**changes: Mapping[str, object]) -> Iterator[Running]:
    """Start what the file says; `changes` are attributes of services that are to be otherwise.

    Raises `OSError`, `RuntimeError` or `TimeoutError` when something does not start.
    """
    with (
        tempfile.TemporaryDirectory(prefix="sourcecheck-machines-", ignore_cleanup_errors=True) as place,
        _keeper() as pipe,
    ):
        folder = Path(place)

        def keep(pid: int) -> None:
            pipe.write(f"{pid} 9\n".encode())
            pipe.flush()

        environ = environment()
        networks = Networks(
            sorted({name for service in read_compose(FILE, environ).values() for name in service.networks}), keep
        )
        environ["SOURCECHECK_ALLOWED_NETWORKS"] = networks.subnet(OUTSIDE)
        services = read_compose(FILE, environ)
        for name, change in changes.items():
            changed = name.replace("_", "-")
            services[changed] = msgspec.structs.replace(services[changed], **change)
        services[SHOP] = _shop(environ, folder)
        cluster = Cluster(services, folder, networks, keep)
        try:
            cluster.start()
            run = Running(cluster, environ, secrets.token_urlsafe(24))
            asyncio.run(_make_key(run))
            yield run
        finally:
            cluster.end()
            networks.end()


def environment() -> dict[str, str]:
    """What an operator has to set before `docker compose up`, made up."""
    made = {name: secrets.token_hex(12) for name in ("POSTGRES_PASSWORD", "CATALOGUE_PASSWORD", "REDIS_PASSWORD")}
    made["PREFECT_API_AUTH_STRING"] = f"prefect:{secrets.token_hex(12)}"
    return made | {"SOURCECHECK_SECRET_KEYS": Fernet.generate_key().decode()}


def _shop(environ: Mapping[str, str], folder: Path) -> Service:
    script = folder / "shop.sql"
    script.write_text(TABLES)
    return Service(
        name=SHOP,
        image="postgres:18",
        command=("postgres", "-c", "max_connections=200"),
        environment={"POSTGRES_USER": SHOP, "POSTGRES_DB": SHOP, "POSTGRES_PASSWORD": environ["POSTGRES_PASSWORD"]},
        mounts={"/docker-entrypoint-initdb.d/shop.sql": str(script)},
        health=Healthcheck(("pg_isready", "-U", SHOP), 1, 3, 60),
        networks=(OUTSIDE,),
        restarts=True,
    )


async def _make_key(run: Running) -> None:
    """The first organization, its user, and their key."""
    settings = msgspec.structs.replace(Settings.load({}), database_url=run.catalogue)
    async with session_scope(settings) as session:
        await bootstrap(session, run.key)


@contextmanager
def _keeper() -> Iterator[IO[bytes]]:
    """The local stack's own: ends every process that it was told of when we have ended, in whatever way."""
    command = [sys.executable, "-I", "-S", reaper.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, env={}) as process:
        assert process.stdin is not None  # noqa: S101
        yield process.stdin
