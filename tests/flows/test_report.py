"""The report that people read in the Prefect UI."""

from datasources.model.errors import REMEDIATIONS
from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, ErrorCode, Outcome
from flows.report import Report, markdown

OK = StepResult(code=Code.OK, message="Fine", outcome=Outcome.success, duration_ms=12)
NO = StepResult(
    code=Code.ERROR,
    message="No | *really*",
    outcome=Outcome.failed,
    error_code=ErrorCode.PERMISSION_DENIED,
    remediation=REMEDIATIONS[ErrorCode.PERMISSION_DENIED],
)


def report(**results: StepResult) -> str:
    """The text of a report on these steps."""
    found = {task: Published(job_id=7, task=task, result=result) for task, result in results.items()}
    return markdown(Report(job_id=7, source_id=3, source_name="Shop", place="db.example:5432", published=found))


def test_one_row_a_step() -> None:
    """With its outcome, its message and its time."""
    text = report(connection=OK, temp_schema=OK)
    assert "✅ passed" in text
    assert "| connection | ✅ success | Fine | 12 |" in text
    assert "What to do" not in text


def test_what_to_do() -> None:
    """A failure is explained below the table, with its code; what a server says brings no markup of its own."""
    text = report(connection=OK, temp_schema=NO)
    assert "❌ did not pass" in text
    assert r"No \| \*really\*" in text
    assert f"- **temp_schema** (PERMISSION_DENIED): {NO.remediation}" in text


def test_an_optional_step_that_fails() -> None:
    """It is explained, but the source has passed: the report says what the job's status says."""
    text = report(connection=OK, version_probe=NO)
    assert "✅ passed" in text
    assert "**version_probe** (PERMISSION_DENIED)" in text
