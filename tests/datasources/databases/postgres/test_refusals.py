"""What each refusal of PostgreSQL and its poolers means, by every SQLSTATE that is documented."""

import pickle

import psycopg.errors
import pytest

from datasources.databases.postgres.refusals import Place, refusal_of
from datasources.databases.postgres.sqlstates import refusals_in
from datasources.model.errors import CheckError
from datasources.model.steps import TEST_QUERY
from datasources.model.vocabulary import ErrorCode
from tasks.judge import refusal
from tests.datasources.databases.postgres.sqlstates import DOCUMENTED

STATES = [state for _, states in DOCUMENTED.values() for state in states.split()]
STAGE = {Place.OPENING: "login", Place.CATALOGUE: "tables", Place.SCRATCH: "create", Place.QUERY: "query"}
C = ErrorCode


def test_the_list_is_the_documented_one() -> None:
    """psycopg has every state of the manual as a class of its own."""
    known = [getattr(kind, "sqlstate", None) for kind in vars(psycopg.errors).values()]
    assert set(STATES) >= {state for state in known if isinstance(state, str)}
    assert all(state.startswith(name) for name, (_, states) in DOCUMENTED.items() for state in states.split())


@pytest.mark.parametrize("place", Place)
def test_every_state_has_a_code_and_an_advice(place: Place) -> None:
    """The server's sentence is kept, and nobody is told to run a query by hand that is ours."""
    for state in STATES:
        meaning = refusal_of(state, "the server's own sentence", STAGE[place])
        error = meaning.error("the server's own sentence", {"stage": STAGE[place]})
        result = refusal(error, TEST_QUERY if place is Place.QUERY else "schema_download")
        assert (result.message, result.error_code) == ("the server's own sentence", meaning.code), state
        assert (result.remediation or "").endswith("."), state
        assert result.details.get("transient", False) is meaning.transient, state
        assert place is Place.QUERY or "by hand" not in str(result.remediation), state
        assert place is not Place.OPENING or meaning.code not in (C.QUERY_ERROR, C.QUERY_NOT_READ_ONLY), state


@pytest.mark.parametrize(
    ("state", "stage", "code", "words"),
    [
        ("0A000", "login", C.PROTOCOL_ERROR, "protocol"),
        ("22023", "database", C.PERMISSION_DENIED, "`role`"),
        ("25006", "create", C.PERMISSION_DENIED, "read-only"),
        ("25006", "query", C.QUERY_NOT_READ_ONLY, "only reads"),
        ("25P04", "query", C.TIMEOUT, "transaction_timeout"),
        ("25P04", "tables", C.TIMEOUT, "transaction_timeout"),
        ("57P05", "identity", C.TIMEOUT, "idle_session_timeout"),
        ("40001", "tables", C.QUERY_ERROR, "hot_standby_feedback"),
        ("42501", "tables", C.PERMISSION_DENIED, "Grant"),
        ("42P05", "tables", C.QUERY_ERROR, "pooler"),
        ("42703", "tables", C.QUERY_ERROR, "version"),
        ("42703", "query", C.QUERY_ERROR, "by hand"),
        ("53100", "create", C.CONNECTION_ERROR, "disk space"),
        ("53300", "login", C.TOO_MANY_CONNECTIONS, "Close unused"),
        ("55000", "login", C.PERMISSION_DENIED, "ALLOW_CONNECTIONS"),
        ("55000", "query", C.QUERY_ERROR, "by hand"),
        ("57P01", "query", C.CONNECTION_ERROR, "ended the session"),
        ("57P04", "login", C.DATABASE_NOT_FOUND, "dropped"),
        ("58P01", "login", C.CONNECTION_ERROR, "session_preload_libraries"),
        ("P0001", "login", C.PERMISSION_DENIED, "ask them"),
        ("P0001", "create", C.PERMISSION_DENIED, "ask them"),
        ("P0001", "query", C.QUERY_ERROR, "by hand"),
        ("XX001", "tables", C.QUERY_ERROR, "administrator"),
        ("ZZ999", "login", C.CONNECTION_ERROR, "administrator"),
        ("ZZ999", "query", C.QUERY_ERROR, "by hand"),
    ],
)
def test_a_state_by_where_it_comes(state: str, stage: str, code: ErrorCode, words: str) -> None:
    """One state may mean different things to a login, to our own statements and to the user's query."""
    result = refusal(refusal_of(state, "no", stage).error("no", {}), TEST_QUERY if stage == "query" else "temp_schema")
    assert result.error_code is code
    assert words in (result.remediation or "")


@pytest.mark.parametrize(
    ("state", "message", "code", "words"),
    [
        ("08P01", "SASL authentication failed", C.AUTHENTICATION_FAILED, "password"),
        ("08P01", "no such database: nope", C.DATABASE_NOT_FOUND, "list of databases"),
        ("08P01", 'database "missing" does not exist', C.DATABASE_NOT_FOUND, "list of databases"),
        ("08P01", 'password authentication failed for user "x"', C.AUTHENTICATION_FAILED, "password"),
        ("08P01", "no more connections allowed (max_client_conn)", C.TOO_MANY_CONNECTIONS, "by itself"),
        ("08P01", "query_wait_timeout", C.TIMEOUT, "by itself"),
        ("08P01", "not allowed", C.DATABASE_NOT_FOUND, "console"),
        ("08P01", "extended query protocol not supported by admin console", C.DATABASE_NOT_FOUND, "console"),
        ("08P01", "transaction blocks not allowed in statement pooling mode", C.CONNECTION_ERROR, "statement mode"),
        ("08P01", "server login has been failing, try again later (server_login_retry)", C.CONNECTION_ERROR, "behind"),
        ("08P01", "unsupported startup parameter: options", C.CONNECTION_ERROR, "ignore_startup_parameters"),
        ("08P01", "something new", C.CONNECTION_ERROR, "host and port"),
        ("XX000", "Tenant or user not found", C.AUTHENTICATION_FAILED, "user name"),
        ("XX000", "MaxClientsInSessionMode: max clients reached", C.TOO_MANY_CONNECTIONS, "by itself"),
        ("28000", "connection requires a valid client certificate", C.AUTHENTICATION_FAILED, "`sslcert`"),
        ("28000", 'certificate authentication failed for user "x"', C.AUTHENTICATION_FAILED, "`sslcert`"),
        ("28000", 'role "nologin_role" is not permitted to log in', C.AUTHENTICATION_FAILED, "LOGIN"),
        ("28000", 'pg_hba.conf rejects connection for host "::1"', C.AUTHENTICATION_FAILED, "pg_hba.conf"),
        ("28P01", 'password authentication failed for user "x"', C.AUTHENTICATION_FAILED, "password"),
        ("42501", 'permission denied to set role "x"', C.PERMISSION_DENIED, "`role`"),
        ("57P03", "the database system is starting up", C.CONNECTION_ERROR, "by itself"),
        ("57P03", "the database system is not accepting connections", C.CONNECTION_ERROR, "hot_standby"),
        (None, 'FATAL: role "x" does not exist', C.AUTHENTICATION_FAILED, "user name"),
        (None, "sorry, too many clients already", C.TOO_MANY_CONNECTIONS, "by itself"),
    ],
)
def test_what_only_words_tell(state: str | None, message: str, code: ErrorCode, words: str) -> None:
    """Poolers have one state for all they say, and 28000 has many reasons."""
    result = refusal(refusal_of(state, message, "login").error(message, {}), "connection")
    assert (result.error_code, result.message) == (code, message)
    assert words in (result.remediation or "")


def test_words_of_a_users_query_are_not_read() -> None:
    """What a query says of a role or of a pooler is the query's own."""
    assert refusal_of("P0001", "no more connections allowed", "query").code is C.QUERY_ERROR
    assert refusal_of("42704", 'role "x" does not exist', "query").code is C.QUERY_ERROR


def test_the_location_of_a_refusal_is_no_refusal() -> None:
    """Verbose messages name the place in the server's source; without SQLSTATEs the first line is the sentence."""
    sentence = 'pg_hba.conf rejects connection for host "::1"'
    lines = [f"FATAL:  28000: {sentence}", "DETAIL:  more", "LOCATION:  ClientAuthentication, auth.c:476"]
    assert refusals_in(lines) == [("28000", sentence)]
    assert refusals_in([f"FATAL:  {sentence}", "DETAIL:  more"]) == [(None, sentence)]
    assert refusals_in(["SSL error: certificate verify failed"]) == []


def test_an_advice_travels_between_processes() -> None:
    """An error is pickled with all that it says."""
    error = pickle.loads(pickle.dumps(CheckError(C.TIMEOUT, "late", {"stage": "tcp"}, "Wait.")))
    assert (error.code, error.message, error.details, error.advice) == (C.TIMEOUT, "late", {"stage": "tcp"}, "Wait.")
