"""What Prefect is told by its environment, and why. The server, the worker and the API each get their own part."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from datasources.model.errors import SettingsError
from datasources.model.settings import PREFIX, Settings, variable
from deployments.stack.credential import CLIENT, SERVER
from deployments.stack.home import Home

PERSONAL = frozenset(
    {
        "PREFECT_API_AUTH_STRING",
        "PREFECT_API_DATABASE_CONNECTION_URL",
        "PREFECT_API_KEY",
        "PREFECT_API_URL",
        "PREFECT_CLIENT_CUSTOM_HEADERS",
        "PREFECT_HOME",
        "PREFECT_PROFILE",
        "PREFECT_PROFILES_PATH",
        "PREFECT_SERVER_API_AUTH_STRING",
        "PREFECT_SERVER_API_BASE_PATH",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL",
        "PREFECT_UI_API_URL",
        "PREFECT_UI_URL",
        "PREFECT_SERVER_UI_API_URL",
    }
)
"""Variables that lead to another server or to a user's profile; our own server and its clients get others instead."""

EVERYWHERE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # without an address: an error, and no server of its own
    "PYTHONUNBUFFERED": "1",
}

BOUNDED = {
    # Prefect keeps flow runs for ever by default; what a test found is in the catalogue. Seconds: three days.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "259200",
    # A run leaves some 14 events, most of the database; automations act on them when they come. Two days.
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P2D",
    # Runs of schedules that are planned ahead, all of them looked at each minute: a quarter of an hour, not an hour.
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT15M",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": "1",
}

QUICK = {
    # Prefect's server uses some ten connections at once; beyond the pool each is made anew, with all it has to learn.
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "20",
    # The states of task runs, five a run, are written twenty at once or after a second, not each by itself.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "20",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    # Events, some 14 a run, are written a hundred at once, or after five seconds.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
}

WORKER = {
    # Events tell of runs at once; this is how soon one is taken up whose event was lost.
    "PREFECT_WORKER_QUERY_SECONDS": "5",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
}

CLOSED = {
    # A page of another site that is open in a browser on this machine must not act on Prefect in its user's name.
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    # When a token ends, requests under way are refused and repeated after seconds: once a day, not once an hour.
    "PREFECT_SERVER_CSRF_TOKEN_EXPIRATION": "P1D",
}

NEAR = {
    # Answers are not compressed on their way through one machine.
    "PREFECT_CLIENT_CUSTOM_HEADERS": '{"Accept-Encoding": "identity"}',
}
"""For clients of our own server."""


def server_environ(home: Home, settings: Settings, database_url: str, credential: str) -> dict[str, str]:
    """For our own Prefect server, which has no use for our secrets."""
    root = f"http://127.0.0.1:{settings.prefect_port}"
    ui = settings.prefect_ui_url or root
    return {
        **_inherited(own_server=True),
        **EVERYWHERE,
        **BOUNDED,
        **QUICK,
        **CLOSED,
        SERVER: credential,
        CLIENT: credential,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origin(ui),
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": asyncpg_url(database_url),
        "PREFECT_API_URL": f"{root}/api",
        "PREFECT_UI_URL": root,
        "PREFECT_SERVER_UI_API_URL": f"{ui.rstrip('/')}/api",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        variable("log_format"): settings.log_format,
        variable("log_level"): settings.log_level,
    }


def client_environ(home: Home, settings: Settings, *, own_server: bool, credential: str | None) -> dict[str, str]:
    """For the worker and the API: our settings, and the way to Prefect."""
    addresses = {"PREFECT_API_URL": settings.prefect_api_url, "PREFECT_UI_URL": settings.prefect_ui_url}
    return {
        **_inherited(own_server=own_server),
        **WORKER,
        **EVERYWHERE,
        **settings.environ(),
        **{name: value for name, value in addresses.items() if value},
        **(NEAR if own_server else {}),
        **({CLIENT: credential} if credential else {}),
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_LOGGING_LEVEL": settings.log_level,
    }


def origin(address: str) -> str:
    """The origin of a page at this address, as a browser names it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()


def asyncpg_url(url: str) -> str:
    """The address with the driver Prefect's server needs. Raises `SettingsError`."""
    plain = "postgresql://"
    if url.startswith(plain):
        return url.replace(plain, "postgresql+asyncpg://", 1)
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    except ArgumentError as error:
        raise SettingsError("SOURCECHECK_PREFECT_DATABASE_URL: not an address of a database") from error


def _inherited(*, own_server: bool) -> Mapping[str, str]:
    """The environment without our own settings and, beside our own server, without the way to any other."""
    dropped = PERSONAL if own_server else frozenset({"PREFECT_PROFILE", "PREFECT_HOME", SERVER})
    return {name: value for name, value in os.environ.items() if name not in dropped and not name.startswith(PREFIX)}
