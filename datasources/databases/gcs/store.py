"""One bucket by Google's library: with the source's key alone, and nothing of the worker's environment."""

from typing import Any

from datasources.databases.gcs.errors import KEY, said_of
from datasources.databases.gcs.key import read_key
from datasources.databases.gcs.model import GcsOptions
from datasources.databases.objects.model import Endpoint
from datasources.databases.objects.store import US, Item, Route, Said, Store
from datasources.databases.refusal import Refusal
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)
FIELDS = "items(name,size),nextPageToken"
HOST = "storage.googleapis.com"


def endpoint_of(options: GcsOptions) -> Endpoint:
    """Where the service answers."""
    return Endpoint(HOST) if options.endpoint is None else Endpoint.parse(options.endpoint)


class GcsStore(Store):
    """The bucket of a source."""

    product = "Google Cloud Storage"

    def __init__(self, options: GcsOptions, route: Route) -> None:
        from google.api_core.client_info import ClientInfo
        from google.cloud.storage import Client

        key = _key(options)
        self.bucket = options.bucket_name
        self.user = key["client_email"]
        self._asking: dict[str, Any] = {"timeout": route.seconds, "retry": None}
        credentials, place = _credentials(key), endpoint_of(options).url
        self._client: Any = Client(
            project=key["project_id"],
            credentials=credentials,
            _http=_session(credentials, route),
            client_info=ClientInfo(user_agent=US),
            client_options={"api_endpoint": place},
        )
        self._client._connection.API_BASE_MTLS_URL = place  # a variable would have another address used
        self._client._bucket_metadata_cache = (
            None  # a thread would ask about the bucket, for traces that we do not keep
        )
        self._bucket = self._client.bucket(self.bucket)

    def log_in(self) -> None:
        """One name of the bucket."""
        self.items("", 1)

    def items(self, prefix: str, most: int) -> list[Item]:
        """By pages, as long as there are more."""
        found = self._client.list_blobs(
            self.bucket, prefix=prefix or None, max_results=most, fields=FIELDS, **self._asking
        )
        return [Item(self.bucket, blob.name, blob.size or 0) for blob in found]

    def put(self, name: str, data: bytes) -> None:
        """Write an object."""
        self._bucket.blob(name).upload_from_string(data, content_type="text/plain", **self._asking)

    def get(self, name: str) -> bytes:
        """An object's content."""
        content: bytes = self._bucket.blob(name).download_as_bytes(**self._asking)
        return content

    def delete(self, name: str) -> None:
        """Remove an object."""
        self._bucket.blob(name).delete(**self._asking)

    def said(self, error: Exception) -> Said | None:
        """An error that the service answered, or a key with which nothing can be signed."""
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError, TransportError

        if isinstance(error, GoogleAPICallError) and error.code:
            return said_of(int(error.code), list(error.errors or []), str(error.message))
        if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
            return Said(
                Refusal(ErrorCode.AUTHENTICATION_FAILED, KEY), "The key cannot sign a token", type(error).__name__
            )
        return None

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


def _key(options: GcsOptions) -> dict[str, Any]:
    """Check the key again: the meaning of a reference to a secret was unknown when the source was registered."""
    try:
        return read_key(options.jsonKeyFile or "")
    except ValueError as error:
        raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, str(error), {"stage": "login"}, KEY) from error


def _credentials(key: dict[str, str]) -> Any:
    """Tokens are signed here: the address that a key names for them is never asked (security row 30)."""
    from google.oauth2.service_account import Credentials

    try:
        return Credentials.from_service_account_info(key, scopes=SCOPES, always_use_jwt_access=True)
    except ValueError as error:
        message = "The private key in jsonKeyFile cannot be read"
        raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, message, {"stage": "login"}, KEY) from error


def _session(credentials: Any, route: Route) -> Any:
    """Requests with this login, by our proxy; no variable of the environment, no redirect, no second try."""
    from google.auth.transport.requests import AuthorizedSession, Request
    from requests import Session

    plain = Session()
    session = AuthorizedSession(credentials, auth_request=Request(session=plain), max_refresh_attempts=0)
    for each in (plain, session):
        each.trust_env = False
        each.proxies = {"https": route.proxy}
        each.verify = route.authority
        each.max_redirects = 0
    return session
