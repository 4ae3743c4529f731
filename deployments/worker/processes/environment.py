"""What the processes of runs see of the worker's environment, and what they are told so that no child inherits it.

A driver may read the environment, and a program that it starts inherits it. The settings with their keys, and what
opens Prefect's API, therefore reach the fork server over a pipe, and leave its environment once they are read
(security row 15).
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

import msgspec

from datasources.model.inputs.secret_references import is_variable_allowed, rules
from datasources.model.settings import PREFIX, Settings, variable
from datasources.secrecy.references import keep_variables

NEEDED = frozenset(
    {
        *("HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"),
        *("SSL_CERT_DIR", "SSL_CERT_FILE", "DO_NOT_TRACK"),
        *("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
        *("all_proxy", "http_proxy", "https_proxy", "no_proxy"),
    }
)
"""Variables by which Python, the drivers' libraries and Prefect's client find their way."""
NEEDED_PREFIXES = ("LC_", "PYTHON", "PREFECT_")
NOT_NEEDED = ("PREFECT_SERVER_", "PREFECT_API_DATABASE_", "PREFECT_ORION_")
"""Settings of a server, addresses of its database among them."""
SECRET = frozenset({"PREFECT_API_AUTH_STRING", "PREFECT_API_KEY", "PREFECT_API_URL", "PREFECT_CLIENT_CUSTOM_HEADERS"})
"""Variables of Prefect's clients that open its API, or may: an address can hold a password, a header a token."""
UNUSED = frozenset({variable("bootstrap_key"), variable("prefect_database_url")})
"""Settings that no run reads."""


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that the fork server is started with."""
    return {
        name: value
        for name, value in environ.items()
        if (name in NEEDED or name.startswith(NEEDED_PREFIXES))
        and name not in SECRET
        and not name.startswith(NOT_NEEDED)
    }


def handed_over(environ: Mapping[str, str]) -> dict[str, str]:
    """What it is told over the pipe instead, variables that sources may refer to among it (security row 29)."""
    allowed = rules(environ.get(variable("secret_references"), ""))
    return {
        name: value
        for name, value in environ.items()
        if name in SECRET or (name.startswith(PREFIX) and name not in UNUSED) or is_variable_allowed(allowed, name)
    }


def hand_over(pipe: IO[bytes], environ: Mapping[str, str]) -> None:
    """Tell it, and close the pipe."""
    with pipe:
        pipe.write(msgspec.json.encode(handed_over(environ)))


@contextmanager
def told(pipe: IO[bytes]) -> Iterator[None]:
    """Have what was handed over in the environment for the length of the block, in which Prefect is imported.

    From then on `Settings.load` answers what the worker has set, whatever the environment says.
    """
    given = msgspec.json.decode(pipe.read(), type=dict[str, str])
    os.environ.update(given)
    Settings.load().keep()
    allowed = rules(Settings.load().secret_references)
    keep_variables({name: value for name, value in given.items() if is_variable_allowed(allowed, name)})
    try:
        yield
    finally:
        for name in given:
            os.environ.pop(name, None)
