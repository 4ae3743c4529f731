"""needs_confirmation, for a test query that does not look as if it only reads: by HTTP, on a real server."""

import httpx
import pytest

from tests.acceptance.kit import ask, checks, ended, finished, immediate, locations
from tests.acceptance.questions import answer_in_prefect, said, say, until
from tests.fixtures.servers.database import Server
from tests.fixtures.service import Service
from tests.wire.answers import valid

WRITES = "CREATE TABLE scratch.confirmed (id integer)"
DOUBTFUL = "SELECT 1 AS into_nothing /* fine */; "
LOOKS_BAD = "WITH update AS (SELECT 41 + 1) SELECT * FROM update"


def test_confirmed_it_still_only_reads(admin: httpx.Client, embedded: Server, good_source: int) -> None:
    """It is asked about before it is tried; confirmed, it runs in a session that refuses to write."""
    job = ask(admin, good_source, test_query=WRITES)
    answer = until(admin, job, "needs_confirmation")
    assert answer["question"]["kind"] == "query"
    assert WRITES not in str(answer)
    assert locations(say(admin, job, "confirm", {"fingerprint": "SHA256:x"})) == [["body", "fingerprint"]]
    assert locations(say(admin, job, "confirm", {"confirm": False})) == [["body", "confirm"]]
    valid(say(admin, job, "authenticate", {"password": "x"}), "Sentence", 409)
    said(admin, job, "confirm")
    answer = ended(admin, job)
    assert answer["status"] == "failed"
    assert {step["result"]["code"] for step in answer["results"]} == {"OK"}
    assert checks(answer)["test_query"]["error_code"] == "QUERY_NOT_READ_ONLY"
    with embedded.connect() as session:
        assert session.execute("SELECT to_regclass('scratch.confirmed')").fetchone() == (None,)


@pytest.mark.parametrize("body", [{}, {"confirm": True}])
def test_what_only_looks_bad_passes(admin: httpx.Client, good_source: int, body: dict[str, bool]) -> None:
    """A query that reads although it does not look like it ends well, once somebody has said so."""
    job = ask(admin, good_source, test_query=LOOKS_BAD)
    until(admin, job, "needs_confirmation")
    said(admin, job, "confirm", body)
    assert ended(admin, job)["status"] == "done"


def test_in_the_prefect_ui(service: Service, admin: httpx.Client, good_source: int) -> None:
    """Resumed without the tick it asks again; with it, the query is tried."""
    job = ask(admin, good_source, test_query=LOOKS_BAD, timeout_seconds=120)
    first = until(admin, job, "needs_confirmation")
    assert answer_in_prefect(service, first, {"confirm": False}) == "ACCEPT"
    while (second := until(admin, job, "needs_confirmation"))["question"]["number"] == 1:
        pass
    assert answer_in_prefect(service, second, {"confirm": True}) == "ACCEPT"
    assert ended(admin, job)["status"] == "done"


def test_nobody_to_ask(admin: httpx.Client, good_source: int) -> None:
    """What writes by its first word ends at once with the code; what is doubtful is left to the session."""
    assert finished(admin, good_source, test_query=WRITES, on_question="fail")["status"] == "failed"
    assert immediate(admin, good_source, test_query=WRITES)["error_code"] == "QUERY_NOT_READ_ONLY"
    data = immediate(admin, good_source, test_query=LOOKS_BAD)
    assert (data["status"], data["test_query_result"]) == ("active", "42")


def test_recognised_queries_are_not_asked_about(admin: httpx.Client, good_source: int) -> None:
    """A query that reads is tried without a question."""
    assert finished(admin, good_source, test_query=DOUBTFUL)["status"] == "done"
