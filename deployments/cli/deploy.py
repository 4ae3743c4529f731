"""The work pool, and what `prefect.yaml` says is deployed to it, by Prefect's own command line.

It is called in this process: a worker that deploys before it starts has to import Prefect only once.
"""

import asyncio
import re
import time
from collections.abc import Sequence

from datasources.model.errors import SourcecheckError
from datasources.model.settings import Settings
from deployments.cli._prefect import prefect
from deployments.project_files import project_file

EARLIER = re.compile(r"health(-\d+)?")
"""Names of the deployments in which earlier versions had a schedule for each source."""


class DeployError(SourcecheckError):
    """Prefect refused the work pool or a deployment."""


def deploy(settings: Settings, *, wait: float = 0) -> None:
    """Make the work pool if there is none, and apply `prefect.yaml`.

    Waits up to so many seconds for the server. Raises `DeployError`.
    """
    asyncio.run(_ensure_pool(settings, wait))
    if code := prefect("deploy", "--all", "--prefect-file", str(project_file("prefect.yaml"))):
        raise DeployError(f"`prefect deploy --all` failed with exit code {code}")
    asyncio.run(_remove_earlier())


def worker_arguments(settings: Settings, name: str) -> Sequence[str]:
    """The stock command that serves our pool; its type is the pool's own."""
    return ("worker", "start", "--pool", settings.work_pool, "--name", name)


async def _remove_earlier() -> None:
    """Remove the deployments of earlier versions that had a schedule for each source; timetables have replaced them."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.exceptions import PrefectException

    from api.prefect.pages import PAGE, all_pages

    flows = FlowFilter(name=FlowFilterName(any_=["check-source"]))
    try:
        async with get_client() as client:
            found = await all_pages(
                lambda offset: client.read_deployments(flow_filter=flows, limit=PAGE, offset=offset)
            )
            for deployment in found:
                if EARLIER.fullmatch(deployment.name):
                    await client.delete_deployment(deployment.id)
    except (PrefectException, httpx.HTTPError) as error:
        raise DeployError(f"the deployments of an earlier version could not be removed: {error}") from error


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
