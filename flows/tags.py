"""Names and tags of a flow run, by which you find it in Prefect from its job, source or organization."""

from datasources.model.inputs.texts import visible
from datasources.model.steps import SCHEDULE

BY_HAND = "run in Prefect"
"""The reason in the name of a run that an operator started in Prefect's UI."""
ASKED = "asked by API"


def run_name(source_name: str, job_id: int, trigger: str, *, by_hand: bool = False) -> str:
    """The source, the job, and why there is one: its trigger, or that an operator started the run."""
    reason = BY_HAND if by_hand else SCHEDULE if trigger == SCHEDULE else ASKED
    return f"{visible(source_name)} #{job_id} · {reason}"


def run_tags(*, job_id: int, source_id: int, organization_id: int) -> list[str]:
    """The tags of a run."""
    return [f"data-source:{source_id}", f"job:{job_id}", f"organization:{organization_id}"]
