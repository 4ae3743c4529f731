"""One bucket by botocore: with our key alone, and nothing of the worker's environment."""

from functools import cache
from threading import Lock
from typing import Any

from datasources.databases.objects.model import Endpoint
from datasources.databases.objects.store import US, Item, Route, Said, Store
from datasources.databases.s3.errors import REDIRECTS, said_of
from datasources.databases.s3.model import S3Options

PAGE = 1000
FILES = ("config_file", "credentials_file")
CHINA = "cn-"
_MAKING = Lock()
"""One client at a time: botocore's session is not for several threads."""


def endpoint_of(options: S3Options) -> Endpoint:
    """Where the bucket answers, by a path and not by a name of its own."""
    if options.endpoint is not None:
        return Endpoint.parse(options.endpoint)
    ending = "amazonaws.com.cn" if options.region.startswith(CHINA) else "amazonaws.com"
    return Endpoint(f"s3.{options.region}.{ending}")


class S3Store(Store):
    """The bucket of a source."""

    product = "Amazon S3"

    def __init__(self, options: S3Options, route: Route) -> None:
        from botocore.config import Config

        self.bucket = options.bucket_name
        self.user = options.key_id
        self._own = options.endpoint is None
        config = Config(
            signature_version="s3v4",
            user_agent=US,
            s3={"addressing_style": "path"},
            proxies={"https": route.proxy},
            connect_timeout=route.seconds,
            read_timeout=route.seconds,
            retries={"total_max_attempts": 1, "mode": "standard"},
            ignore_configured_endpoint_urls=True,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=1,
        )
        with _MAKING:
            self._client: Any = _session().create_client(
                "s3",
                region_name=options.region,
                endpoint_url=endpoint_of(options).url,
                aws_access_key_id=options.key_id,
                aws_secret_access_key=options.secret,
                verify=route.authority,
                config=config,
            )
        self._client.meta.events.register_first("needs-retry.s3", _refuse_redirect)

    @property
    def version(self) -> str:
        """Amazon's, or what speaks its protocol."""
        return self.product if self._own else "S3-compatible store"

    def log_in(self) -> None:
        """One name of the bucket."""
        self._client.list_objects_v2(Bucket=self.bucket, MaxKeys=1)

    def items(self, prefix: str, most: int) -> list[Item]:
        """By pages, as long as there are more."""
        found: list[Item] = []
        more: dict[str, str] = {}
        while len(found) < most:
            answer = self._client.list_objects_v2(
                Bucket=self.bucket, Prefix=prefix, MaxKeys=min(PAGE, most - len(found)), **more
            )
            found += [Item(self.bucket, item["Key"], item.get("Size", 0)) for item in answer.get("Contents", [])]
            if not answer.get("IsTruncated") or not answer.get("NextContinuationToken"):
                break
            more = {"ContinuationToken": answer["NextContinuationToken"]}
        return found

    def put(self, name: str, data: bytes) -> None:
        """Write an object."""
        self._client.put_object(Bucket=self.bucket, Key=name, Body=data)

    def get(self, name: str) -> bytes:
        """An object's content, as far as ours could have any."""
        content: bytes = self._client.get_object(Bucket=self.bucket, Key=name)["Body"].read(PAGE)
        return content

    def delete(self, name: str) -> None:
        """Remove an object."""
        self._client.delete_object(Bucket=self.bucket, Key=name)

    def said(self, error: Exception) -> Said | None:
        """An error that the service answered."""
        from botocore.exceptions import ClientError

        return said_of(error.response) if isinstance(error, ClientError) else None

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


@cache
def _session() -> Any:
    """botocore's session with its defaults alone: no variable, file or profile of the environment (security row 28)."""
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConstantProvider
    from botocore.session import Session

    session = Session()
    settings = session.get_component("config_store")
    for name, (_, _, default, _) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items():
        settings.set_config_provider(name, ConstantProvider(None if name in FILES else default))
    return session


def _refuse_redirect(response: tuple[Any, dict[str, Any]] | None, operation: Any, **_: Any) -> None:
    """End here: botocore would sign the request anew and send it to an address of the answer's choice."""
    from botocore.exceptions import ClientError

    if response is None:
        return
    answer, parsed = response
    if parsed.get("Error", {}).get("Code") in REDIRECTS or answer.status_code in (301, 302, 307, 308):
        raise ClientError(parsed, operation.name)
