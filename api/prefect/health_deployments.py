"""Which Prefect deployment has a source's schedule.

Prefect's server reads all schedules of a deployment whenever it reads the deployment, several times for each run: with
a thousand of them a run costs two seconds. So the sources share deployments, `SOURCES_PER_DEPLOYMENT` each, by id: the
first is deployed as `check-source/health`, the others are copies of it, made when they are needed.
"""

import re
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowFilter, FlowFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from sqlalchemy.ext.asyncio import AsyncSession

from api.prefect.pages import PAGE, all_pages
from datasources.catalogue import locks
from datasources.catalogue.locks import Lock

SOURCES_PER_DEPLOYMENT = 25
"""Sources whose schedules share a deployment."""
COPIED = (
    "description",
    "tags",
    "entrypoint",
    "path",
    "pull_steps",
    "work_pool_name",
    "work_queue_name",
    "job_variables",
    "parameter_openapi_schema",
    "enforce_parameter_schema",
)


class HealthDeployments:
    """Finds them, and makes those that are missing."""

    def __init__(self, client: PrefectClient, deployment_name: str) -> None:
        self._client = client
        self._flow, _, self._name = deployment_name.partition("/")
        self._ids: dict[int, UUID] = {}

    def forget(self) -> None:
        """They may have been deployed anew, under other ids."""
        self._ids.clear()

    async def all(self) -> list[DeploymentResponse]:
        """The first one and those beside it, with their schedules."""
        flows = FlowFilter(name=FlowFilterName(any_=[self._flow]))
        named = DeploymentFilter(name=DeploymentFilterName(like_=self._name))
        found = await all_pages(
            lambda offset: self._client.read_deployments(
                flow_filter=flows, deployment_filter=named, limit=PAGE, offset=offset
            )
        )
        beside = re.compile(rf"{re.escape(self._name)}(-\d+)?")
        return [deployment for deployment in found if beside.fullmatch(deployment.name)]

    async def found(self, source_id: int) -> UUID | None:
        """The deployment that has this source's schedule, if it is there."""
        number = source_id // SOURCES_PER_DEPLOYMENT
        if number not in self._ids:
            name = self._name if number == 0 else f"{self._name}-{number}"
            try:
                self._ids[number] = (await self._client.read_deployment_by_name(f"{self._flow}/{name}")).id
            except ObjectNotFound:
                return None
        return self._ids[number]

    async def make(self, source_id: int, session: AsyncSession) -> UUID:
        """A copy of the first deployment for these sources, once: Prefect empties one of its schedules that is there.

        Raises `ObjectNotFound` when there is no first one.
        """
        await locks.wait_for(session, Lock.HEALTH_DEPLOYMENTS)  # of several processes one makes it
        if (made := await self.found(source_id)) is None:
            number = source_id // SOURCES_PER_DEPLOYMENT
            made = self._ids[number] = await self._copy(f"{self._name}-{number}")
        return made

    async def _copy(self, name: str) -> UUID:
        first = await self._client.read_deployment_by_name(f"{self._flow}/{self._name}")
        return await self._client.create_deployment(flow_id=first.flow_id, name=name, **copied(first))

    async def refresh(self) -> None:
        """The first deployment was deployed anew: make its copies what it is now; their schedules stay."""
        found = {deployment.name: deployment for deployment in await self.all()}
        if first := found.pop(self._name, None):
            for deployment in found.values():
                if copied(deployment) != copied(first):
                    await self._client.update_deployment(deployment.id, DeploymentUpdate(**copied(first)))


def copied(first: DeploymentResponse) -> dict[str, Any]:
    """What a copy has of the first deployment."""
    return {name: getattr(first, name) for name in COPIED}
