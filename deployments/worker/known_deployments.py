"""Deployments as Prefect had them a moment ago: one is asked for once in a while, not for each of its runs."""

import time
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

REMEMBERED_SECONDS = 30.0
"""For how long what we know of a deployment is taken to be still so."""


class KnownDeployments:
    """Asks for them, and remembers them."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[float, DeploymentResponse]] = {}

    async def of(self, run: FlowRun, client: PrefectClient) -> DeploymentResponse | None:
        """The deployment of this run, None if it no longer has one. Raises what Prefect's client raises."""
        if run.deployment_id is None:
            return None
        since, known = self._known.get(run.deployment_id, (0.0, None))
        if known is None or time.monotonic() - since > REMEMBERED_SECONDS:
            try:
                known = await client.read_deployment(run.deployment_id)
            except ObjectNotFound:
                return None
            self._known[run.deployment_id] = (time.monotonic(), known)
        return known
