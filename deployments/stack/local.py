"""Commands beside a running local stack find it by its home, when no setting names another server."""

import os
from contextlib import suppress
from typing import Any

import msgspec

from datasources.model.errors import SettingsError
from datasources.model.settings import Settings
from deployments.stack.credential import CLIENT, FILE, given_credential
from deployments.stack.home import Home

PATIENT = {
    # What Prefect's server answers while its database is away; a client asks again for a minute, as after a 503.
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
}
"""What Prefect's clients of ours are told unless the operator says something else."""


def with_local_defaults(settings: Settings) -> Settings:
    """The settings, with what the local stack of this home uses for those that are not set."""
    home = Home(settings.home_path)
    found: dict[str, Any] = {}
    if not settings.database_url:
        from deployments.stack.postgres import EmbeddedPostgres

        embedded = EmbeddedPostgres(home)
        found["database_url"] = embedded.conninfo("catalogue").url() if embedded.exists else None
    if not settings.secret_keys:
        with suppress(OSError):
            found["secret_keys"] = home.secret_file("secret_keys").read_text().strip()
    if not settings.prefect_api_url and "PREFECT_API_URL" not in os.environ:
        found["prefect_api_url"] = (home.remembered("stack") or {}).get("prefect_api_url")
    return msgspec.structs.replace(settings, **found)


def set_prefect_url(settings: Settings) -> None:
    """Tell Prefect, which reads the environment when it is imported, where its server is, how to log in, and patience.

    Raises `SettingsError` when there is no address.
    """
    for name, value in PATIENT.items():
        os.environ.setdefault(name, value)
    if settings.prefect_api_url:
        os.environ["PREFECT_API_URL"] = settings.prefect_api_url
    if not os.environ.get("PREFECT_API_URL"):
        raise SettingsError(
            f"SOURCECHECK_PREFECT_API_URL is not set, and {settings.home_path} (SOURCECHECK_HOME) holds no local stack"
        )
    if credential := credential_for(os.environ["PREFECT_API_URL"], settings):
        os.environ[CLIENT] = credential


def credential_for(address: str, settings: Settings) -> str | None:
    """What opens Prefect's API at this address: the operator's own credential, or that of the local stack of this home.

    The stack's is for the stack's own address: no other server shall see it. Raises `SettingsError` when the operator
    has given two.
    """
    if given := given_credential():
        return given
    home = Home(settings.home_path)
    if (home.remembered("stack") or {}).get("prefect_api_url") != address:
        return None
    with suppress(OSError):
        return home.secret_file(FILE).read_text().strip()
    return None


def export(settings: Settings) -> None:
    """Put the settings into the environment, from which a worker's flow runs read them."""
    os.environ.update(settings.environ())
