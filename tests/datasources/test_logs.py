"""Log lines for programs."""

import json
import logging
import sys
from typing import Any

import pytest

from datasources.logs import JsonLines, about

SECRETS = {
    "SOURCECHECK_BOOTSTRAP_KEY": "canary-bootstrap-key",
    "SOURCECHECK_SECRET_KEYS": "canary-first-key,canary-second-key",
    "SOURCECHECK_DATABASE_URL": "postgresql://user:canary%40password@127.0.0.1/catalogue",
}


def line(message: str, *args: Any, **record: Any) -> dict[str, Any]:
    """What is written for a record."""
    made = logging.LogRecord("sourcecheck.x", logging.WARNING, __file__, 1, message, args, record.pop("exc_info", None))
    made.__dict__ |= record
    text = JsonLines("a format", "a date format").format(made)
    assert "\n" not in text
    assert text.isascii()
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_says_what_it_is_about() -> None:
    """Ids around it and ids of its own; what is not known is left out, and what is over is forgotten."""
    with about(job_id=1, source_id=2), about(job_id=3):
        found = line("ended after %d s", 5, status="done", organization_id=None)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "WARNING",
        "logger": "sourcecheck.x",
        "message": "ended after 5 s",
        "job_id": 3,
        "source_id": 2,
        "status": "done",
    }
    assert "job_id" not in line("later")


def test_an_exception_is_one_line() -> None:
    """The traceback is a field."""
    try:
        raise ValueError("line one\nline two, ü")
    except ValueError:
        found = line("broken", exc_info=sys.exc_info())
    assert "ValueError: line one\nline two, ü" in found["exception"]
    assert "exception" not in line("none", exc_info=(None, None, None))


def test_our_own_secrets_are_scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key, and the password of the catalogue in both of its spellings, wherever they turn up."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    secrets = "canary-bootstrap-key canary-first-key canary-second-key canary%40password canary@password"
    try:
        raise ValueError(secrets)
    except ValueError:
        found = line("%s", secrets, flow_run_name=secrets, exc_info=sys.exc_info())
    assert "canary-" not in json.dumps(found)
    assert "canary%" not in json.dumps(found)
    assert "canary@" not in json.dumps(found)
    assert found["message"].count("***") == 5
