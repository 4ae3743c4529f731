"""The work pool, and what `prefect.yaml` says is deployed to it, by Prefect's own command line.

It is called in this process: a worker that deploys before it starts has to import Prefect only once.
"""

import asyncio
import time
from collections.abc import Sequence

from datasources.model.errors import SourcecheckError
from datasources.model.settings import Settings
from deployments.cli._prefect import prefect
from deployments.project_files import project_file


class DeployError(SourcecheckError):
    """Prefect refused the work pool or a deployment."""


def deploy(settings: Settings, *, wait: float = 0) -> None:
    """Make the work pool if there is none, and apply `prefect.yaml`.

    Waits up to so many seconds for the server. Raises `DeployError`.
    """
    asyncio.run(_ensure_pool(settings, wait))
    if code := prefect("deploy", "--all", "--prefect-file", str(project_file("prefect.yaml"))):
        raise DeployError(f"`prefect deploy --all` failed with exit code {code}")
    asyncio.run(_refresh_copies(settings))


def worker_arguments(settings: Settings, name: str) -> Sequence[str]:
    """The stock command that serves our pool; its type is the pool's own."""
    return ("worker", "start", "--pool", settings.work_pool, "--name", name)


async def _refresh_copies(settings: Settings) -> None:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException

    from api.prefect.health_deployments import HealthDeployments

    try:
        async with get_client() as client:
            await HealthDeployments(client, settings.health_deployment).refresh()
    except (PrefectException, httpx.HTTPError) as error:
        raise DeployError(
            f"the copies of {settings.health_deployment} could not be brought up to date: {error}"
        ) from error


async def _ensure_pool(settings: Settings, wait: float) -> None:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectException
    from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

    name, kind = settings.work_pool, settings.work_pool_type
    try:
        async with get_client() as client:
            deadline = time.monotonic() + wait
            while (trouble := await client.api_healthcheck()) is not None:
                if time.monotonic() > deadline:
                    raise DeployError(f"Prefect's server at {client.api_url} does not answer: {trouble}")
                await asyncio.sleep(0.1)
            try:
                await client.read_work_pool(name)
            except ObjectNotFound:
                template = await get_default_base_job_template_for_infrastructure_type(kind)
                if template is None:
                    raise DeployError(f"SOURCECHECK_WORK_POOL_TYPE: Prefect knows no type {kind!r}") from None
                await client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template))
    except ObjectAlreadyExists:
        return
    except (PrefectException, httpx.HTTPError) as error:
        raise DeployError(f"Prefect's server refused the work pool {name!r}: {error}") from error
