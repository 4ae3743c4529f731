"""What a flow run is tagged with, so that its job, its source and its organization find it in Prefect."""


def run_tags(*, job_id: int, source_id: int, organization_id: int) -> list[str]:
    """The tags of a run."""
    return [f"data-source:{source_id}", f"job:{job_id}", f"organization:{organization_id}"]
