"""How the API, the worker, the flow runs and Prefect's server log: through Prefect's own configuration, changed by its
own means. Whatever else a program prints becomes a line of the same form.
"""

import io
import logging
import os
import sys
import threading
from types import TracebackType

from datasources.logs import JsonLines
from datasources.model.settings import Settings
from deployments.serve._prefect import (
    API_LOG_LEVEL,
    CONSOLE_FORMATTER,
    ENGINE_LOGGERS,
    JSON_FORMATTER,
    says_what_the_state_says,
    start_prefect_logging,
)

QUIET = {API_LOG_LEVEL: "WARNING"}
"""What is sent to Prefect for its UI: every line would cost its server more than it says; states say the rest."""
AS_JSON = {
    JSON_FORMATTER: f"{JsonLines.__module__}.{JsonLines.__qualname__}",
    CONSOLE_FORMATTER: "json",
}
"""Entries of Prefect's `logging.yml`, which it lets the environment change."""
PRINTED = logging.getLogger("sourcecheck.printed")
CRASHED = logging.getLogger("sourcecheck.crashed")


def arrange_logs(settings: Settings) -> None:
    """For this process and those it starts; what the operator has set otherwise stays. Before Prefect is imported."""
    for name, value in (QUIET | (AS_JSON if settings.log_format == "json" else {})).items():
        os.environ.setdefault(name, value)


def start_logging(settings: Settings) -> None:
    """Make it so in this process, where Prefect itself does not.

    Prefect's engine reports each state of each run, the bad ones as errors. Our own line says what a test came to, so
    those reports are written at the level DEBUG only.
    """
    start_prefect_logging()
    logging.getLogger("sourcecheck").setLevel(settings.log_level)
    if settings.log_level != "DEBUG":
        for name in ENGINE_LOGGERS:
            logging.getLogger(name).addFilter(_is_news)
    if settings.log_format == "json":
        sys.excepthook = _log_crash
        threading.excepthook = lambda args: _log_crash(args.exc_type, args.exc_value, args.exc_traceback)


def print_into_log(settings: Settings) -> None:
    """Have what this process prints for people, as Prefect's commands do, written into its log instead."""
    if settings.log_format == "json":
        sys.stdout = PrintedLines()


class PrintedLines(io.TextIOBase):
    """A standard output whose lines become lines of the log."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._begun = ""

    def write(self, text: str) -> int:
        """Log every line that is complete; what has only begun waits for its end."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line.strip():
                PRINTED.info("%s", line.strip())
        return len(text)


def _is_news(record: logging.LogRecord) -> bool:
    return not says_what_the_state_says(record)


def _log_crash(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """An exception that nothing has caught."""
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    CRASHED.critical("ended by an error", exc_info=(kind, error or kind(), trace))
