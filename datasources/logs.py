"""Log lines for programs: one JSON object a line, with the ids of what it is about, and without secrets."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from datasources.model.settings import Settings, variable
from datasources.secrecy.scrubber import Scrubber

ABOUT = (
    "job_id",
    "source_id",
    "organization_id",
    "status",
    "error_code",
    "flow_run_id",
    "flow_run_name",
    "task_run_id",
    "task_run_name",
)
"""What a line says beside its message, where it is known."""

_about: ContextVar[dict[str, Any]] = ContextVar("about", default={})  # noqa: B039 -- never changed, only replaced


@contextmanager
def about(**ids: Any) -> Iterator[None]:
    """Every line that is logged meanwhile, by any library, says that it is about this."""
    token = _about.set(_about.get() | ids)
    try:
        yield
    finally:
        _about.reset(token)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON, and scrubs our own settings' secrets from all of it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Takes a format, as `logging.config` gives it one, and does without."""
        super().__init__()
        self._scrubber = Scrubber(_secrets())

    def format(self, record: logging.LogRecord) -> str:
        """One line, always ASCII, so that no terminal and no file can refuse it."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_about.get(),
        }
        line |= {name: value for name in ABOUT if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[0]:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(self._scrubber.data(line), default=str)


def _secrets() -> list[str]:
    """Straight from the environment: what is wrong with a setting is said by others, and may be logged here."""
    given = {name: os.environ.get(variable(name)) for name in Settings.secret_fields}
    addresses = [_address(url) for url in (given["database_url"], given["prefect_database_url"]) if url]
    passwords = [form for address in addresses if address and address.password for form in _forms(address.password)]
    keys = (given["secret_keys"] or "").split(",")
    return [
        secret for secret in (given["bootstrap_key"], given["metrics_key"], *map(str.strip, keys), *passwords) if secret
    ]


def _address(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _forms(password: str) -> tuple[str, str]:
    return password, unquote(password)
