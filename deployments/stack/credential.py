"""The credential of Prefect's API. A client that has it may do there whatever Prefect can do (security row 15)."""

import base64
import os
import secrets
from collections.abc import Generator, Mapping
from uuid import uuid4

import httpx

from datasources.model.errors import SettingsError
from deployments.stack.home import Home

SERVER = "PREFECT_SERVER_API_AUTH_STRING"
"""Where Prefect's server reads the credential that it asks for."""
CLIENT = "PREFECT_API_AUTH_STRING"
"""Where Prefect's clients read the credential that they send."""
FILE = "prefect_credential"
"""The secret of a home that keeps the credential when the operator has given none."""
CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods for which Prefect's server wants a CSRF token."""


def given_credential(environ: Mapping[str, str] = os.environ) -> str | None:
    """The operator's own credential. Raises `SettingsError` when server and clients would not agree on it."""
    server, client = environ.get(SERVER), environ.get(CLIENT)
    if server and client and server != client:
        raise SettingsError(f"{SERVER} and {CLIENT} differ: the server would refuse its own worker and API")
    return server or client or None


def credential(home: Home) -> str:
    """The credential of the Prefect server of this home: the operator's own, or one that is made up and kept."""
    return given_credential() or home.secret(FILE, lambda: f"sourcecheck:{secrets.token_urlsafe(24)}")


class PrefectAuth(httpx.Auth):
    """Logs in to Prefect's API where Prefect's own client would take seconds to import."""

    requires_response_body = True

    def __init__(self, api_url: str, credential: str | None) -> None:
        """`api_url` ends in `/api`; without a credential, requests go out as they are but for the CSRF token."""
        self.credential = credential
        self._tokens = f"{api_url.rstrip('/')}/csrf-token"
        self._client = str(uuid4())

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the credential, and to a request that changes something a CSRF token fetched for it."""
        headers = {}
        if self.credential:
            headers["Authorization"] = f"Basic {base64.b64encode(self.credential.encode()).decode()}"
        if request.method in CHANGES:
            answer = yield httpx.Request("GET", self._tokens, params={"client": self._client}, headers=headers)
            if answer.status_code == httpx.codes.OK:  # otherwise the server has CSRF protection off, or refuses us
                headers |= {"Prefect-Csrf-Token": answer.json()["token"], "Prefect-Csrf-Client": self._client}
        request.headers.update(headers)
        yield request
