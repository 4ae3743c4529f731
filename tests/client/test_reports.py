"""Reports for build servers."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from sourcecheck import Job, JobStatus, Question, Result, Source, Step
from sourcecheck.cli.commands.testing import block
from sourcecheck.cli.output import Output
from sourcecheck.cli.reports import github
from sourcecheck.cli.reports.junit import junit
from sourcecheck.cli.results import SourceResult

OK = Step("connection", JobStatus.done, Result("OK", "Connected to the database", "success", duration_ms=40))
SKIPPED = Step("temp_schema", JobStatus.done, Result("OK", "No temp_schema", "skipped"))
FAILED = Step(
    "schema_download",
    JobStatus.done,
    Result("ERROR", "denied: 100%\n<b>\x00", "failed", "PERMISSION_DENIED", "Grant, or ask.", 7),
)
SHOP = SourceResult(Source(1, "Shop | <1>", "pg"), Job(5, JobStatus.failed, [OK, SKIPPED, FAILED], reason="no"), 1.5)
GATE = SourceResult(Source(2, "Gate", "pg"), Job(6, JobStatus.needs_confirmation, [], reason=None))
GOOD = SourceResult(Source(3, "Good", "pg"), Job(7, JobStatus.done, [OK]))


def test_junit() -> None:
    """A suite for each source, a case for each step; what asks is a failure, too."""
    root = ET.fromstring(junit([SHOP, GATE, GOOD]))
    suites = {suite.get("name"): suite for suite in root}
    shop = suites["Shop | <1>"]
    assert (shop.get("tests"), shop.get("failures"), shop.get("skipped"), shop.get("time")) == ("3", "1", "1", "1.500")
    failure = shop.find("testcase[@name='schema_download']/failure")
    assert failure is not None
    assert (failure.get("type"), failure.text) == ("PERMISSION_DENIED", "Grant, or ask.")
    assert failure.get("message", "").endswith("<b>\ufffd")
    assert suites["Gate"].get("failures") == "1"
    assert suites["Good"].get("failures") == "0"


def test_annotations() -> None:
    """One line each, with GitHub's own escapes."""
    assert github.annotations([SHOP, GOOD]) == [
        "::error title=Shop | <1>%2C schema_download (PERMISSION_DENIED)::denied: 100%25 <b>\ufffd Grant, or ask."
    ]
    assert github.annotations([GATE]) == ["::warning title=Gate::needs_confirmation"]


def test_summary() -> None:
    """A table in Markdown that no name can break."""
    rows = github.summary([SHOP]).splitlines()
    assert rows[-1] == "| Shop \\| &#60;1&#62; | pg | failed | denied: 100% &#60;b&#62;\ufffd |"


def test_what_a_test_asks_is_its_sentence() -> None:
    """For people who read the report only."""
    asked = Question("host_key", 1, *[OK_TIME] * 2, "Is this the gateway's key?", "SSH_HOST_KEY_UNKNOWN")
    one = SourceResult(GATE.source, Job(6, JobStatus.needs_confirmation, [], question=asked))
    assert (one.word, one.sentence) == ("asks", "Is this the gateway's key?")


OK_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_failure_on_the_screen_has_its_code_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    """The code is what the runbooks and documents go by."""
    Output(color=False).console.print(block("Shop", SHOP.job))
    result = FAILED.result
    assert result
    assert f"→ {result.error_code}: {result.remediation}" in capsys.readouterr().out
