"""The schedules of downloads: those of one Prefect deployment, found again by their names."""

from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.exceptions import ObjectNotFound

from api.prefect.timetables import in_prefect_words
from datasources.health.downloads import Key, owner_of

CONFLICT = 409


class DownloadSchedules:
    """Reads, makes and removes them. What an operator changes in the Prefect UI stays as it is while it is needed."""

    def __init__(self, client: PrefectClient, deployment_name: str) -> None:
        self._client = client
        self._name = deployment_name

    async def read(self) -> dict[str, UUID]:
        """Every schedule's id, by its name."""
        found = await self._client.read_deployment_schedules(await self._deployment())
        return {each.slug: each.id for each in found if each.slug and owner_of(each.slug) is not None}

    async def make(self, key: Key) -> None:
        """Make a schedule; one that is there already stays as it is."""
        made = DeploymentScheduleCreate(
            schedule=in_prefect_words(key.place, key.plan),
            active=True,
            parameters={"schedule": key.slug},
            slug=key.slug,
        )
        try:
            await self._client.create_deployment_schedules(await self._deployment(), [made])
        except httpx.HTTPStatusError as error:  # another process has made it meanwhile
            if error.response.status_code != CONFLICT:
                raise

    async def remove(self, schedule_id: UUID) -> None:
        """Remove a schedule that no source needs."""
        try:
            await self._client.delete_deployment_schedule(await self._deployment(), schedule_id)
        except ObjectNotFound:
            return

    async def _deployment(self) -> UUID:
        return (await self._client.read_deployment_by_name(self._name)).id
