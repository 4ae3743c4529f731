"""The state that a test's flow run ends in, from what its steps found (contract 4.2)."""

import pytest

from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, ErrorCode, Outcome
from flows.check_source import verdict

OK = StepResult(code=Code.OK, message="Fine", outcome=Outcome.success)
NO = StepResult(code=Code.ERROR, message="No", outcome=Outcome.failed, error_code=ErrorCode.PERMISSION_DENIED)
SKIPPED = StepResult(code=Code.SKIP, message="Not run", outcome=Outcome.skipped)


def published(task: str, result: StepResult, *, carried_out: bool = True) -> Published:
    """What this step found."""
    return Published(job_id=1, task=task, result=result, carried_out=carried_out)


@pytest.mark.parametrize(
    ("found", "name", "message"),
    [
        ([published("connection", OK), published("temp_schema", SKIPPED)], "Completed", ""),
        ([published("connection", OK), published("version_probe", NO)], "Completed", ""),
        ([published("connection", OK), published("temp_schema", NO)], "Unhealthy", "temp_schema: No"),
        ([published("connection", OK), published("test_query", NO)], "Unhealthy", "test_query: No"),
        ([published("temp_schema", NO, carried_out=False)], "Failed", "temp_schema: No"),
        (
            [published("temp_schema", NO, carried_out=False), published("schema_download", NO)],
            "Failed",
            "temp_schema: No; schema_download: No",
        ),
    ],
)
def test_verdict(found: list[Published], name: str, message: str) -> None:
    """`Unhealthy` is the source's failure, `Failed` is ours, and an optional step is neither."""
    state = verdict(found)
    assert state.name == name
    assert (state.message or "").startswith(message)
