"""How the API, the worker and the flow runs log: through Prefect's own configuration, changed by its own means."""

import logging
import os

from datasources.logs import JsonLines
from datasources.model.settings import Settings
from deployments.serve._prefect import API_LOG_LEVEL, CONSOLE_FORMATTER, JSON_FORMATTER, start_prefect_logging

QUIET = {API_LOG_LEVEL: "WARNING"}
"""What is sent to Prefect for its UI: every line would cost its server more than it says; states say the rest."""
AS_JSON = {
    JSON_FORMATTER: f"{JsonLines.__module__}.{JsonLines.__qualname__}",
    CONSOLE_FORMATTER: "json",
}
"""Entries of Prefect's `logging.yml`, which it lets the environment change."""


def arrange_logs(settings: Settings) -> None:
    """For this process and those it starts; what the operator has set otherwise stays. Before Prefect is imported."""
    logging.getLogger("sourcecheck").setLevel(settings.log_level)
    for name, value in (QUIET | (AS_JSON if settings.log_format == "json" else {})).items():
        os.environ.setdefault(name, value)


def start_logging() -> None:
    """Make it so in this process, where Prefect itself does not."""
    start_prefect_logging()
