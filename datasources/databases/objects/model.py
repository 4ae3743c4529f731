"""What the options of every store of objects have."""

from typing import Annotated, ClassVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from datasources.model.inputs.hosts import host_name
from datasources.model.source import Options
from datasources.network.pem import RootCertificate

HTTPS_PORT = 443
Text = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
URL = Annotated[str, Meta(title="Endpoint", min_length=9, max_length=400)]


class Endpoint(Struct, frozen=True):
    """Where a store answers, always by HTTPS."""

    host: str
    port: int = HTTPS_PORT
    path: str = ""

    @classmethod
    def parse(cls, text: str, field: str = "endpoint") -> "Endpoint":
        """Of `https://host[:port][/path]`. Raises `ValueError` with a sentence about the field."""
        parts = urlsplit(text.strip())
        try:
            port = parts.port or HTTPS_PORT
        except ValueError as error:
            raise ValueError(f"`{field}` has an invalid port") from error
        if parts.scheme != "https":
            raise ValueError(f"`{field}` has to begin with https://: nothing is sent without TLS")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError(f"`{field}` is https://host[:port][/path], and nothing more")
        try:
            host = host_name(parts.hostname or "")
        except ValueError as error:
            raise ValueError(f"`{field}` names no host: {str(error).replace('`host`', 'it')}") from error
        return cls(host, port, parts.path.rstrip("/"))

    @property
    def url(self) -> str:
        """As drivers take it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}{'' if self.port == HTTPS_PORT else f':{self.port}'}{self.path}"


class StoreOptions(Options, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where results may be kept, and what TLS is held against."""

    store_fields: ClassVar[tuple[str, ...]] = ("materialize_path", "materialize_max_rows")
    """Of `harmless_fields`."""

    materialize_path: Annotated[Text, Meta(title="Materialize path")] | None = None
    """The prefix below which a test may write, unless the source's `temp_schema` names another."""
    materialize_max_rows: Annotated[int, Meta(title="Materialize max rows", ge=0)] | None = None
    """Taken as published; no test materializes rows."""
    rootcert: RootCertificate | None = None

    def set_endpoint(self, field: str = "endpoint") -> None:
        """Keep the address in its usual form. Raises `ValueError`."""
        if text := getattr(self, field):
            msgspec.structs.force_setattr(self, field, Endpoint.parse(text, field).url)
