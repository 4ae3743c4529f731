"""One test as a page shows it."""

from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest

from api.pages.one_test import show_test
from api.pages.rendering import template_config
from datasources.catalogue.tables import Job
from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, JobStatus, Outcome
from datasources.network.tls import WARNINGS

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize("warning", [WARNINGS["none"], None])
def test_a_warning_of_a_step_that_passed(warning: str | None) -> None:
    """It stands below the step's own sentence, so that a person sees that a certificate was not verified."""
    details = {"tls": True} | ({"warning": warning} if warning else {})
    result = StepResult(code=Code.OK, message="Connected to the database", outcome=Outcome.success, details=details)
    published = Published(job_id=1, task="connection", result=result, ended_at=NOW)
    job = Job(
        id=1, status=JobStatus.done, steps=["connection"], trigger="test", created_at=NOW, started_at=NOW, ended_at=NOW,
        results=msgspec.to_builtins([published]), reason=None, flow_run_id=None,
    )  # fmt: skip
    shown = show_test(job, None, None)
    assert shown.steps[0].warning == (warning or "")
    page = template_config().engine_instance.engine.get_template("parts/test.html")
    text = page.render(test=shown, source=SimpleNamespace(id=1, name="x"), wrong=None, csrf_input="")
    assert ("was not verified: any server" in text.split("<pre")[0]) is (warning is not None)
