"""Which runs our worker runs: those of the flows that `prefect.yaml` declares, with nothing else brought along.

A client of Prefect's API that has its credential can make deployments and runs of any kind. It must not run code of its
own as the worker, nor change what the operator has set (security row 15).
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta, Struct
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from datasources.model.errors import SourcecheckError
from deployments.project_files import project_file

FORBIDDEN = {
    "pull_steps": "steps that fetch or run something before the flow",
    "storage_document_id": "code from a storage block",
}
"""What a deployment may not have, by Prefect's name, and what it is."""


class Refused(SourcecheckError):
    """The worker does not run this; the message says why."""


class JobVariables(Struct, frozen=True, forbid_unknown_fields=True):
    """All that a run may say of how it is run."""

    deadline: float | None = None
    """Unix time by which it must have ended."""
    timeout: Annotated[float, Meta(gt=0)] | None = None
    """Seconds that a run without a deadline may take, and one after a question."""


@cache
def declared_entrypoints() -> frozenset[str]:
    """The entrypoints of the deployments that `prefect.yaml` declares."""
    declared = yaml.safe_load(project_file("prefect.yaml").read_text())
    return frozenset(deployment["entrypoint"] for deployment in declared["deployments"])


def admitted_entrypoint(deployment: DeploymentResponse | None) -> str:
    """Where the flow of a run of this deployment is. Raises `Refused`."""
    if deployment is None:
        raise Refused("This worker runs deployments only, and the run's deployment is gone")
    for name, what in FORBIDDEN.items():
        if getattr(deployment, name):
            raise Refused(f"This worker runs no deployment with {what} (`{name}`)")
    if deployment.entrypoint not in declared_entrypoints():
        known = ", ".join(sorted(declared_entrypoints()))
        raise Refused(f"This worker runs only what prefect.yaml declares ({known}), not {deployment.entrypoint!r}")
    return deployment.entrypoint


def admitted_variables(
    run: FlowRun, deployment: DeploymentResponse | None, template: Mapping[str, Any]
) -> JobVariables:
    """The run's job variables over its deployment's over the defaults of the pool's template. Raises `Refused`."""
    given = _said(deployment.job_variables if deployment else None) | _said(run.job_variables)
    foreign = sorted(given.keys() - set(JobVariables.__struct_fields__))
    if foreign:
        raise Refused(f"This worker takes only the job variables deadline and timeout, not {', '.join(foreign)}")
    try:
        return msgspec.convert(_defaults(template) | given, JobVariables)
    except msgspec.ValidationError as error:
        raise Refused(f"The job variables of this run are wrong: {error}") from error


def _said(variables: Mapping[str, Any] | None) -> dict[str, Any]:
    """Without those that are empty, as Prefect's UI sends them."""
    return {name: value for name, value in (variables or {}).items() if value not in (None, "", {})}


def _defaults(template: Mapping[str, Any]) -> dict[str, Any]:
    """What an operator has given the pool as defaults of our two variables; whatever else it says is not ours."""
    properties = template.get("variables", {}).get("properties", {})
    defaults = {name: properties.get(name, {}).get("default") for name in JobVariables.__struct_fields__}
    return {name: value for name, value in defaults.items() if value is not None}
