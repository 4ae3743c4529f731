"""One account by Azure's libraries: as the source's application alone, and nothing of the worker's environment."""

from typing import Any
from uuid import uuid4

from datasources.databases.azure.errors import said_by_entra, said_by_service
from datasources.databases.azure.model import AzureOptions
from datasources.databases.objects.model import Endpoint
from datasources.databases.objects.store import US, Item, Route, Said, Store
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

AUTHORITY = Endpoint("login.microsoftonline.com")
NO_CONTAINER = "A path begins with the name of a container: container/folder"
PAGE = 1000
LEAST_REFUSAL = 300


def endpoint_of(options: AzureOptions) -> Endpoint:
    """Where the account's Blob service answers."""
    if options.endpoint is not None:
        return Endpoint.parse(options.endpoint)
    return Endpoint(f"{options.account_name}.blob.core.windows.net")


def authority_of(options: AzureOptions) -> Endpoint:
    """Where the application logs in."""
    return AUTHORITY if options.authority is None else Endpoint.parse(options.authority, "authority")


class AzureStore(Store):
    """The account of a source. Names of objects begin with their container."""

    product = "Azure Blob Storage"

    def __init__(self, options: AzureOptions, route: Route) -> None:
        from azure.identity import ClientSecretCredential
        from azure.storage.blob import BlobServiceClient

        self.bucket = options.account_name
        self.user = options.client_id
        out: dict[str, Any] = {
            "proxies": {"https": route.proxy},
            "use_env_settings": False,
            "raw_request_hook": _say_who_asks,
            "connection_verify": route.authority,
            "connection_timeout": route.seconds,
            "read_timeout": route.seconds,
            "retry_total": 0,
            "permit_redirects": False,
        }
        self._login = ClientSecretCredential(
            options.tenant_id,
            options.client_id,
            options.client_secret,
            authority=authority_of(options).url,
            disable_instance_discovery=True,
            **out,
        )
        self._client: Any = BlobServiceClient(endpoint_of(options).url, credential=self._login, **out)

    def log_in(self) -> None:
        """The name of one container."""
        next(iter(self._client.list_containers(results_per_page=1)), None)

    def items(self, prefix: str, most: int) -> list[Item]:
        """Container by container, as long as there are more."""
        if prefix:
            container, _, below = prefix.partition("/")
            return self._blobs(container, below, most)
        found: list[Item] = []
        for container in self._client.list_containers():
            found += self._blobs(container.name, "", most - len(found))
            if len(found) >= most:
                break
        return found

    def _blobs(self, container: str, below: str, most: int) -> list[Item]:
        found: list[Item] = []
        blobs = self._client.get_container_client(container).list_blobs(
            name_starts_with=below or None, results_per_page=min(PAGE, most)
        )
        for blob in blobs:
            found.append(Item(container, blob.name, blob.size or 0))
            if len(found) >= most:
                break
        return found

    def put(self, name: str, data: bytes) -> None:
        """Write an object."""
        self._blob(name).upload_blob(data, overwrite=True)

    def get(self, name: str) -> bytes:
        """An object's content."""
        content: bytes = self._blob(name).download_blob().readall()
        return content

    def delete(self, name: str) -> None:
        """Remove an object."""
        self._blob(name).delete_blob()

    def _blob(self, name: str) -> Any:
        container, _, blob = name.partition("/")
        if not blob:
            raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, NO_CONTAINER, {"stage": "create"})
        return self._client.get_blob_client(container, blob)

    def said(self, error: Exception) -> Said | None:
        """An error that the service or Entra answered."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

        if isinstance(error, ClientAuthenticationError) and not getattr(error, "error_code", None):
            lost = isinstance(error.__cause__, (AzureError, OSError)) and not isinstance(
                error.__cause__, HttpResponseError
            )
            return None if lost else said_by_entra(str(error.message))
        if not isinstance(error, HttpResponseError) or not error.status_code or error.status_code < LEAST_REFUSAL:
            return None
        code = getattr(error, "error_code", None)
        return said_by_service(int(error.status_code), str(getattr(code, "value", code) or ""), str(error.message))

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()
        self._login.close()


def _say_who_asks(request: Any) -> None:
    """Say nothing of the worker: the libraries name its system, and number requests by its network card."""
    request.http_request.headers.update({"User-Agent": US, "x-ms-client-request-id": str(uuid4())})
