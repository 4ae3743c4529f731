"""The client's rules: when a request is sent again, what an answer means, which source a name means, who is asked."""

import json
import pickle
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sourcecheck import (
    CheckFailed,
    InvalidRequest,
    Job,
    JobStatus,
    NotFound,
    QuestionOpen,
    Result,
    ServiceUnreachable,
    Source,
    SourcecheckError,
    Step,
    TestCancelled,
    TooManyRequests,
    Unauthorized,
)
from sourcecheck.access import Access, find_access, forget_login, keep_login, login_file, read_login
from sourcecheck.ages import seconds
from sourcecheck.calls import get_job, list_sources, read_answer, start_test
from sourcecheck.cli import exits
from sourcecheck.cli.command import how_to_log_in
from sourcecheck.cli.commands.testing import cannot_be_tested
from sourcecheck.cli.parsing import sentence_of
from sourcecheck.cli.text import ago, duration, milliseconds, safe
from sourcecheck.errors import Problem
from sourcecheck.finding import choose, choose_alert, choose_member
from sourcecheck.people import Alert, Member
from sourcecheck.retries import Retries

NO = Result("ERROR", "Connection refused", "failed", "CONNECTION_ERROR", "Check host and port.", 12)


def job(status: str, *steps: Step, reason: str | None = None) -> Job:
    """A job with these steps."""
    return Job(1, JobStatus(status), list(steps), reason=reason)


@pytest.mark.parametrize(
    ("attempt", "error", "repeatable", "again"),
    [
        (1, httpx.ConnectError("refused"), False, True),
        (1, httpx.ConnectTimeout("late"), False, True),
        (1, httpx.ReadTimeout("late"), True, True),
        (1, httpx.ReadTimeout("late"), False, False),
        (1, httpx.RemoteProtocolError("closed"), False, False),
        (4, httpx.ConnectError("refused"), True, False),
        (1, httpx.InvalidURL("no"), True, False),
    ],
)
def test_what_is_sent_again_after_an_error(attempt: int, error: Exception, repeatable: bool, again: bool) -> None:
    """What the service has not seen is sent again; what it may have seen, only when that does no harm."""
    assert (Retries().pause_after_error(attempt, error, repeatable=repeatable) is not None) == again


@pytest.mark.parametrize(
    ("attempt", "status", "retry_after", "pause"),
    [
        (1, 429, "2", 2.0),
        (1, 503, None, 0.25),
        (2, 503, "soon", 0.5),
        (1, 429, "3600", None),
        (4, 429, "1", None),
        (1, 500, None, None),
        (1, 422, None, None),
    ],
)
def test_what_is_sent_again_after_a_refusal(
    attempt: int, status: int, retry_after: str | None, pause: float | None
) -> None:
    """A busy service says when; nobody waits longer than half a minute for it."""
    assert Retries().pause_after_status(attempt, status, retry_after) == pause


def test_a_refusal_names_its_fields() -> None:
    """422 becomes an error whose sentence says which field is at fault."""
    body = json.dumps({"detail": [{"loc": ["body", "options", "host"], "msg": "Host missing", "type": "missing"}]})
    with pytest.raises(InvalidRequest, match=r"^options\.host: Host missing$") as caught:
        read_answer(start_test(1), 422, body.encode(), {})
    assert caught.value.problems[0].loc == ["body", "options", "host"]


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (401, b'{"detail": "This API key is not valid"}', Unauthorized, "This API key is not valid"),
        (404, b'{"success": false, "data": null, "message": "not found"}', NotFound, "not found"),
        (429, b'{"detail": "Too many"}', TooManyRequests, "Too many"),
        (502, b"<html>", SourcecheckError, "the service answered 502"),
    ],
)
def test_a_refusal_is_an_error_of_its_kind(status: int, body: bytes, kind: type[Exception], sentence: str) -> None:
    """In both dialects of the API, and from a proxy that knows neither."""
    with pytest.raises(kind, match=sentence):
        read_answer(list_sources(), status, body, {"retry-after": "5"})


@pytest.mark.parametrize("body", [b"<html></html>", b"[1]", b"\xff", b'{"id": 1}'])
def test_a_foreign_answer_is_no_service(body: bytes) -> None:
    """Another server at that address is told from a service."""
    with pytest.raises(ServiceUnreachable):
        read_answer(list_sources(), 200, body, {})


def test_a_wait_is_held_within_bounds() -> None:
    """The service holds an answer for a minute at most; the client asks for less and asks again."""
    assert get_job(1, 500).params == {"wait": "30"}
    assert get_job(1, -1).params == {}


def test_a_verdict_as_an_error() -> None:
    """The first step that failed, with its code and advice, also in another process."""
    failed = job("failed", Step("connection", JobStatus.done, NO))
    with pytest.raises(CheckFailed) as caught:
        failed.raise_for_verdict()
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.job_id, error.step, error.code, error.advice) == (
        1,
        "connection",
        "CONNECTION_ERROR",
        "Check host and port.",
    )
    assert str(error) == "Connection refused"


@pytest.mark.parametrize(
    ("status", "kind"),
    [("needs_confirmation", QuestionOpen), ("cancelled", TestCancelled), ("failed", CheckFailed)],
)
def test_every_ending_but_done_is_an_error(status: str, kind: type[Exception]) -> None:
    """Without a failed step as well."""
    with pytest.raises(kind):
        job(status).raise_for_verdict()
    assert job("done").raise_for_verdict().passed


def test_a_mistyped_name_is_answered_with_the_nearest_one() -> None:
    """Of names that are close, the closest is shown; else the command that shows them all."""
    sources = [Source(id=1, name="Warehouse", type="pg")]
    with pytest.raises(NotFound, match=r"did you mean 'Warehouse'\?"):
        choose("warehosue", sources)
    with pytest.raises(NotFound, match="`sourcecheck list`"):
        choose("Ledger", sources)


@pytest.mark.parametrize(
    ("seconds", "words"), [(45, "45 s"), (90, "90 s"), (300, "5 min"), (3600, "1 h"), (86400, "1 d")]
)
def test_a_length_of_time_is_said_in_the_largest_unit_that_divides_it(seconds: float, words: str) -> None:
    """What a schedule says is what the user would write."""
    assert duration(seconds) == words


def test_a_mistyped_command_is_answered_with_the_nearest_one() -> None:
    """Not with a list of all; other mistakes keep argparse's own words."""
    said = "argument COMMAND: invalid choice: 'tset' (choose from 'test', 'gate', 'host-keys')"
    assert sentence_of(said, "sourcecheck") == (
        "there is no command 'tset' (did you mean test?); `sourcecheck --help` lists them all"
    )
    assert sentence_of("unrecognized arguments: --qeury", "sourcecheck") == "unrecognized arguments: --qeury"


@pytest.mark.parametrize(
    ("has_key", "environ", "said"),
    [
        (False, {}, "no API key for http://x: run `sourcecheck login http://x`, or set SOURCECHECK_API_KEY"),
        (True, {}, "This API key is not valid: run `sourcecheck login http://x` with another"),
        (
            True,
            {"SOURCECHECK_API_KEY": "sck_1"},
            "This API key is not valid: SOURCECHECK_API_KEY holds it, and takes precedence over `sourcecheck login`",
        ),
    ],
)
def test_how_to_log_in(has_key: bool, environ: dict[str, str], said: str) -> None:
    """After a 401 the user learns which key it was, and how to give another."""
    assert how_to_log_in("This API key is not valid", "http://x", has_key=has_key, environ=environ) == said


def test_which_source_a_name_means() -> None:
    """An exact name first, then an id; several of one name are no answer."""
    sources = [Source(1, "Shop", "pg"), Source(2, "1", "pg"), Source(3, "Twin", "pg"), Source(4, "Twin", "pg")]
    assert choose("Shop", sources).id == 1
    assert choose("1", sources).id == 2
    assert choose("3", sources).id == 3
    with pytest.raises(NotFound, match=r"2 sources are called 'Twin': give an id instead \(3, 4\)"):
        choose("Twin", sources)
    with pytest.raises(NotFound, match="did you mean 'Shop'"):
        choose("shop", sources)


def test_which_alert_and_which_member_a_name_means() -> None:
    """By a member's e-mail address and an alert's id as well; else the sentence says what lists them."""
    alerts = [Alert("0B1C-d2", "On call", "webhook", "hooks.example", None, False)]
    members = [Member(1, "Ada", "admin", "ada@example.org"), Member(2, "Ada", "member", "ada@example.com")]
    assert choose_alert("On call", alerts).name == choose_alert("0B1C-d2", alerts).name == "On call"
    assert [choose_member(word, members).id for word in ("ada@example.org", "2")] == [1, 2]
    with pytest.raises(NotFound, match=r"2 members are called 'Ada': give an id instead \(1, 2\)"):
        choose_member("Ada", members)
    with pytest.raises(NotFound, match="no alert is called 'x'; `sourcecheck alerts list` shows them all"):
        choose_alert("x", alerts)
    with pytest.raises(NotFound, match="did you mean 'On call'"):
        choose_alert("on-call", alerts)


def test_where_address_and_key_come_from(tmp_path: Path) -> None:
    """The call, the environment, the login; a kept key goes to no other address."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert find_access(environ=environ) == Access("http://127.0.0.1:8000", None)
    keep_login(login_file(environ), Access("https://one.example", "kept"))
    assert find_access(environ=environ) == Access("https://one.example", "kept")
    assert find_access("https://two.example", environ=environ) == Access("https://two.example", None)
    both = environ | {"SOURCECHECK_URL": "https://three.example/", "SOURCECHECK_API_KEY": "from there"}
    assert find_access(environ=both) == Access("https://three.example", "from there")
    assert find_access("https://one.example", "given", environ=both) == Access("https://one.example", "given")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://a.example", "http://", "http://a\nb", "http://[::1"])
def test_an_address_that_is_none(url: str, tmp_path: Path) -> None:
    """One sentence, before anything is sent."""
    with pytest.raises(SourcecheckError, match="is not the address of a service"):
        find_access(url, environ={"XDG_CONFIG_HOME": str(tmp_path)})


def test_a_login_is_for_this_user_only(tmp_path: Path) -> None:
    """Mode 0600, the key in no repr, gone after logout."""
    path = tmp_path / "sourcecheck" / "login.json"
    keep_login(path, Access("https://one.example", "hidden-key"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "hidden-key" not in repr(read_login(path))
    assert forget_login(path)
    assert not forget_login(path)
    path.write_text("[]")
    with pytest.raises(SourcecheckError, match="cannot be read as a login"):
        read_login(path)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CheckFailed(1, "no"), 1),
        (TestCancelled(1, "gone"), 1),
        (QuestionOpen(1, "which key?"), 4),
        (ServiceUnreachable("refused"), 3),
        (TooManyRequests(429, "later"), 3),
        (TimeoutError("late"), 3),
        (Unauthorized(401, "no key"), 2),
        (SourcecheckError("wrong"), 2),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    """0 passed, 1 a source failed, 2 a wrong call, 3 the service did not answer, 4 a question is open."""
    assert exits.of_error(error) == code


@pytest.mark.parametrize(
    ("statuses", "code"),
    [(["done"], 0), (["done", "failed"], 1), (["needs_confirmation", "failed"], 1), (["needs_confirmation"], 4)],
)
def test_exit_code_of_several_tests(statuses: list[str], code: int) -> None:
    """A failure counts more than an open question."""
    assert exits.of_jobs(job(status) for status in statuses) == code


def test_texts_for_a_terminal() -> None:
    """One line, without escapes and changes of direction; durations and ages for people."""
    assert safe("a\x1b[31mb\n\u202ec") == "a\ufffd[31mb \ufffdc"
    assert [milliseconds(value) for value in (None, 12.4, 1500)] == ["", "12 ms", "1.5 s"]
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert ago(now - timedelta(seconds=90), now) == "90 s ago"
    assert ago(now - timedelta(hours=5), now) == "5 h ago"
    assert ago(None) == "never"


def test_intervals() -> None:
    """As people write them."""
    assert [seconds(text) for text in ("30s", "5m", "1h", "300")] == [30, 300, 3600, 300]
    for text in ("", "m", "0", "-5m", "5 minutes"):
        with pytest.raises(SourcecheckError):
            seconds(text)


@pytest.mark.parametrize(
    ("problems", "sentence"),
    [
        ([Problem(["path", "source_id"], "The driver is not installed")], "The driver is not installed"),
        ([Problem(["body", "timeout_seconds"], "Expected at most 300")], ""),
        ([Problem(["path", "source_id"], "No"), Problem(["body", "test_query"], "No")], ""),
        ([], ""),
    ],
)
def test_what_the_service_says_of_one_source_ends_no_call_for_many(problems: list[Problem], sentence: str) -> None:
    """A source that cannot be tested fails by itself; a call that is at fault ends."""
    assert cannot_be_tested(InvalidRequest(422, "No", problems)) == sentence
