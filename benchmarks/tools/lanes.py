"""A lane: an API with a catalogue of its own, a work pool, and the worker that serves it, all on one Prefect server."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type
from psycopg import sql

from benchmarks.tools.usage import Trees
from datasources.model.settings import Settings
from deployments.stack.catalogue import prepare_catalogue
from deployments.stack.child import Child, Reaper, wait_until
from deployments.stack.home import Home
from deployments.stack.ports import free_port
from deployments.stack.postgres import Conninfo
from deployments.stack.prefect_env import WORKER, client_environ
from deployments.stack.start import PROGRAM, Say, Stack

READY_SECONDS = 120.0
"""Seconds until a lane has to be ready."""
FLOW = "check-source"


class Lane(Struct):
    """Where to ask, and what to look at."""

    name: str
    api: str
    key: str
    settings: Settings
    trees: Trees
    """Its processes by role."""

    def client(self, connections: int = 100) -> httpx.AsyncClient:
        """A client that may ask for everything."""
        limits = httpx.Limits(max_connections=connections)
        headers = {"Authorization": f"Key {self.key}"}
        return httpx.AsyncClient(base_url=self.api, headers=headers, timeout=120, limits=limits, trust_env=False)


def own_lane(stack: Stack) -> Lane:
    """What `sourcecheck up` runs."""
    return Lane("ours", stack.addresses.api, stack.addresses.key, stack.settings, Trees.of_stack())


def stock_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Without what we tell our own workers: a stock worker asks every 10 s."""
    return {name: value for name, value in environ.items() if name not in WORKER}


@asynccontextmanager
async def lane(
    stack: Stack, name: str, pool_type: str, say: Say, *, prefect_url: str | None = None
) -> AsyncIterator[Lane]:
    """A lane beside the stack's own, until the end of the block. Raises `StackError`."""
    home = Home(stack.home.path / name)
    home.make()
    settings = msgspec.structs.replace(
        stack.settings,
        database_url=make_database(stack, name).url(),
        api_port=free_port(),
        work_pool=name,
        work_pool_type=pool_type,
        deployment=f"{FLOW}/{name}",
        prefect_api_url=prefect_url or stack.settings.prefect_api_url,
        prefect_database_url=None,
        bootstrap_key=stack.addresses.key,
    )
    key = await asyncio.to_thread(prepare_catalogue, settings, home)
    await deploy_beside(stack, name, pool_type)
    environ = client_environ(
        home,
        msgspec.structs.replace(settings, bootstrap_key=None),
        own_server=True,
        credential=stack.prefect_auth.credential,
    )
    async with AsyncExitStack() as exits:
        keeper = await exits.enter_async_context(Reaper(home))
        api = Child("api", [*PROGRAM, "serve"], home=home, keeper=keeper, say=say, environ=environ)
        if pool_type == "sourcecheck":
            worker = Child(
                "worker", [*PROGRAM, "worker", "--name", name], home=home, keeper=keeper, say=say, environ=environ
            )
        else:
            command = [str(Path(sys.executable).with_name("prefect")), "worker", "start", "--pool", name]
            worker = Child("worker", command, home=home, keeper=keeper, say=say, environ=stock_environ(environ))
        for child in (api, worker):
            await child.start()
            exits.push_async_callback(child.stop)
        address = f"http://127.0.0.1:{settings.api_port}"
        await wait_until(lambda: _ready(address), [api, worker], READY_SECONDS)
        trees = Trees.of_stack()
        trees.roots |= {"api": api.pid, "worker": worker.pid}
        yield Lane(name, address, key, settings, trees)


def make_database(stack: Stack, name: str) -> Conninfo:
    """A database of this name on the stack's own server, and how to connect to it."""
    assert stack.postgres is not None  # noqa: S101 -- the benchmark's home has no other
    facts = stack.postgres.conninfo(name)
    with stack.postgres.conninfo().connect() as session:
        names = {"role": sql.Identifier(name), "password": sql.Literal(facts.password)}
        session.execute(sql.SQL("CREATE ROLE {role} LOGIN PASSWORD {password}").format(**names))
        session.execute(sql.SQL("CREATE DATABASE {role} OWNER {role}").format(**names))
    return facts


async def deploy_beside(stack: Stack, name: str, pool_type: str) -> None:
    """A pool of this type, with the stack's own deployment on it as well, both of this name."""
    settings, credential = stack.settings, stack.prefect_auth.credential
    with temporary_settings({PREFECT_API_URL: settings.prefect_api_url, PREFECT_API_AUTH_STRING: credential}):
        async with get_client() as client:
            template = await get_default_base_job_template_for_infrastructure_type(pool_type)
            await client.create_work_pool(WorkPoolCreate(name=name, type=pool_type, base_job_template=template or {}))
            known = await client.read_deployment_by_name(settings.deployment)
            await client.create_deployment(
                flow_id=known.flow_id,
                name=name,
                work_pool_name=name,
                entrypoint=known.entrypoint,
                path=known.path,
                pull_steps=known.pull_steps,
                parameter_openapi_schema=known.parameter_openapi_schema,
            )


async def _ready(address: str) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            return (await client.get(f"{address}/health/ready")).status_code == 200
    except httpx.HTTPError:
        return False


def bench_environ() -> None:
    """Forget the settings of the user who runs this: a benchmark has a home, ports and servers of its own."""
    for name in [name for name in os.environ if name.startswith(("SOURCECHECK_", "PREFECT_"))]:
        del os.environ[name]
    # Stock starts an interpreter for each run: from cached bytecode, as Python does by default.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
