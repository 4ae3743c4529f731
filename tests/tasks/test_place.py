"""A failure that is about a server names its host and port."""

from typing import Any

import msgspec
import pytest

from datasources.databases import AnySource
from datasources.model.results import StepResult
from datasources.model.source import Source
from datasources.model.vocabulary import Code, ErrorCode, Outcome
from tasks.place import placed

OPTIONS: dict[str, dict[str, Any]] = {
    "pg": {"host": "db.example", "port": 5433, "user": "u", "dbname": "d"},
    "mysql": {"host": "db.example", "port": 5433, "user": "u", "db": "d"},
    "clickhouse": {"host": "db.example", "port": 5433},
}
TUNNEL = {"host": "gw.example", "port": 2222, "username": "u"}
DIRECT = "db.example, port 5433"
GATEWAY = "SSH gateway gw.example, port 2222"


def source(kind: str, tunnel: bool = False) -> Source:
    """A source of this type."""
    data = {"name": "x", "type": kind, "options": OPTIONS[kind]} | ({"ssh_tunnel": TUNNEL} if tunnel else {})
    found: Source = msgspec.convert(data, AnySource)
    return found


def no(code: ErrorCode, message: str, stage: str) -> StepResult:
    """A step's "no"."""
    return StepResult(
        code=Code.ERROR, message=message, outcome=Outcome.failed, error_code=code, details={"stage": stage}
    )


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize(
    ("code", "message", "stage", "direct", "tunnelled"),
    [
        ("CONNECTION_ERROR", "Connection refused", "tcp", DIRECT, f"{DIRECT}, through the {GATEWAY}"),
        ("TLS_ERROR", "certificate has expired", "tls", DIRECT, f"{DIRECT}, through the {GATEWAY}"),
        ("PROTOCOL_ERROR", "What came is no answer", "login", DIRECT, f"{DIRECT}, through the {GATEWAY}"),
        ("TIMEOUT", "No answer within 3 s (stage: tcp)", "tcp", DIRECT, f"{DIRECT}, through the {GATEWAY}"),
        ("TIMEOUT", "No answer within 3 s (stage: ssh)", "ssh", DIRECT, GATEWAY),
        ("SSH_CONNECTION_ERROR", "The SSH gateway closed the connection", "ssh", DIRECT, GATEWAY),
        ("SSH_FORWARD_REFUSED", "It does not forward", "ssh", DIRECT, f"{DIRECT}, through the {GATEWAY}"),
    ],
)
def test_what_is_about_a_server(kind: str, code: str, message: str, stage: str, direct: str, tunnelled: str) -> None:
    """The place stands behind the sentence; behind a gateway, both are named, or the gateway alone."""
    given = no(ErrorCode(code), message, stage)
    assert placed(given, source(kind)).message == f"{message} ({direct})"
    found = placed(given, source(kind, tunnel=True))
    assert found.message == f"{message} ({tunnelled})"
    assert (found.details["host"], found.details["port"]) in (("db.example", 5433), ("gw.example", 2222))


@pytest.mark.parametrize(
    ("code", "message", "stage"),
    [
        ("AUTHENTICATION_FAILED", "password authentication failed", "login"),
        ("QUERY_ERROR", "syntax error", "query"),
        ("TIMEOUT", "No answer within 3 s (stage: query)", "query"),
        ("WORKER_LOST", "It was lost", "connection"),
    ],
)
def test_what_is_about_something_else(code: str, message: str, stage: str) -> None:
    """Is left alone."""
    given = no(ErrorCode(code), message, stage)
    assert placed(given, source("pg")) == given


def test_a_sentence_that_names_the_host() -> None:
    """Does not say it twice; the details have it in any case."""
    found = placed(no(ErrorCode.HOST_NOT_FOUND, "Host db.example not found", "resolve"), source("pg"))
    assert (found.message, found.details["port"]) == ("Host db.example not found", 5433)


def test_a_source_at_several_hosts() -> None:
    """The failure says at which; where it does not, no place is made up."""
    options = {"bucket_name": "bucket", "key_id": None, "region": "eu-west-1"}
    bucket: Source = msgspec.convert({"name": "x", "type": "aws_s3", "options": options}, AnySource)
    given = no(ErrorCode.CONNECTION_ERROR, "Connection refused", "tcp")
    assert placed(given, bucket) == given
    told = msgspec.structs.replace(given, details=given.details | {"host": "s3.example", "port": 443})
    assert placed(told, bucket).message == "Connection refused (s3.example, port 443)"


def test_a_file_has_no_place() -> None:
    """Nor port."""
    file = msgspec.convert({"name": "x", "type": "sqlite", "options": {"path": "a.db"}}, AnySource)
    given = no(ErrorCode.CONNECTION_ERROR, "unable to open database file", "file")
    assert placed(given, file) == given
