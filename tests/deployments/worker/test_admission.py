"""What the worker runs and what it takes from a run; everything else is refused with a reason (security row 15)."""

from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from deployments.worker.admission import (
    JobVariables,
    Refused,
    admitted_entrypoint,
    admitted_variables,
    declared_entrypoints,
)
from deployments.worker.worker import SourcecheckWorker

OURS = "flows.check_source.check_source"
SHELL = {"prefect.deployments.steps.run_shell_script": {"script": "id"}}


def deployment(**facts: Any) -> DeploymentResponse:
    """One of ours, but for these facts."""
    return DeploymentResponse(**{"name": "check", "flow_id": UUID(int=1), "entrypoint": OURS} | facts)


def run(**variables: Any) -> FlowRun:
    """A run with these job variables."""
    return FlowRun(flow_id=UUID(int=1), job_variables=variables)


def test_what_prefect_yaml_declares() -> None:
    """A test, a sweep, and what notes downloads that are due."""
    assert declared_entrypoints() == {OURS, "flows.sweep.sweep", "flows.downloads.downloads"}


@pytest.mark.parametrize("facts", [{}, {"pull_steps": []}, {"path": "/anywhere"}, {"name": "another", "tags": ["x"]}])
def test_ours_are_run(facts: dict[str, Any]) -> None:
    """Whatever they are called and wherever they were deployed from."""
    assert admitted_entrypoint(deployment(**facts)) == OURS


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"pull_steps": [SHELL]}, "pull_steps"),
        ({"pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": "/"}}]}, "pull_steps"),
        ({"storage_document_id": UUID(int=2)}, "storage_document_id"),
        ({"entrypoint": "x.py:y"}, "'x.py:y'"),
        ({"entrypoint": "flows/check_source.py:check_source"}, "prefect.yaml declares"),
        ({"entrypoint": "flows.check_source.check_source "}, "prefect.yaml declares"),
        ({"entrypoint": "os.system"}, "'os.system'"),
        ({"entrypoint": ""}, "prefect.yaml declares"),
        ({"entrypoint": None}, "prefect.yaml declares"),
    ],
)
def test_foreign_code_is_refused(facts: dict[str, Any], reason: str) -> None:
    """By the steps that would fetch it, and by its entrypoint, which has to be declared letter by letter."""
    with pytest.raises(Refused, match=reason):
        admitted_entrypoint(deployment(**facts))


def test_a_deployment_that_is_gone() -> None:
    """Nothing says what was to be run."""
    with pytest.raises(Refused, match="deployment is gone"):
        admitted_entrypoint(None)


@pytest.mark.parametrize(
    ("of_run", "of_deployment", "defaults", "expected"),
    [
        ({}, {}, {}, JobVariables()),
        ({"deadline": 5.0, "timeout": 3}, {"timeout": 310}, {}, JobVariables(deadline=5.0, timeout=3)),
        ({}, {"timeout": 310}, {"timeout": 60}, JobVariables(timeout=310)),
        ({}, {}, {"timeout": 60, "env": {"X": "1"}, "command": "sh"}, JobVariables(timeout=60)),
        ({"env": {}, "timeout": None}, {"env": None}, {}, JobVariables()),
    ],
)
def test_deadline_and_limit(
    of_run: dict[str, Any], of_deployment: dict[str, Any], defaults: dict[str, Any], expected: JobVariables
) -> None:
    """The run's over the deployment's over the pool's; of the pool, only these two are looked at."""
    template = {"variables": {"properties": {name: {"default": value} for name, value in defaults.items()}}}
    assert admitted_variables(run(**of_run), deployment(job_variables=of_deployment), template) == expected


@pytest.mark.parametrize(
    "variables",
    [
        {"env": {"SOURCECHECK_ALLOW_PRIVATE_NETWORKS": "true"}},
        {"command": "sh -c id"},
        {"image": "evil"},
        {"working_dir": "/"},
        {"entrypoint": "os.system"},
        {"timeout": 0},
        {"timeout": "{{ prefect.blocks.secret.s }}"},
        {"deadline": "never"},
    ],
)
def test_other_job_variables_are_refused(variables: dict[str, Any]) -> None:
    """From the run and from its deployment alike; nothing in them is looked up or run."""
    for of_run, of_deployment in ((variables, {}), ({}, variables)):
        with pytest.raises(Refused, match=r"job variables"):
            admitted_variables(run(**of_run), deployment(job_variables=of_deployment), {})


def test_the_pool_s_template_offers_no_more() -> None:
    """Prefect's UI shows a field for each variable: two."""
    template = SourcecheckWorker.get_default_base_job_template()
    assert template["variables"]["properties"].keys() == {"deadline", "timeout"}
    assert template["job_configuration"].keys() == {"deadline", "timeout"}
