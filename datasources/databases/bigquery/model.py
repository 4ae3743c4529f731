"""The published options of a BigQuery source."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from datasources.databases.bigquery.keys import service_account
from datasources.model.inputs.hosts import host_name
from datasources.model.source import Host, Options, Port, Source

Project = Annotated[str, Meta(title="Project ID", min_length=1, max_length=128, pattern=r"^[a-z0-9.:_-]+$(?!\n)")]
AREA = {"format": "textarea"}
HOST = "bigquery.googleapis.com"


class BigqueryOptions(Options, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in: with a service account's key, at Google's own API unless `host` names a private one."""

    secret_fields: ClassVar[tuple[str, ...]] = ("jsonKeyFile", "jsonOAuthKeyFile")
    destination_fields: ClassVar = ("host", "port", "tls", "allow_cleartext_password")
    harmless_fields: ClassVar = (
        "projectId", "location", "extraProjectsToIndex", "totalMBytesProcessedLimit", "useStandardSql",
        "userDefinedFunctionResourceUri",
    )  # fmt: skip
    asked_fields: ClassVar = ("jsonKeyFile",)
    shown_as: ClassVar = {"database_name": "projectId"}

    projectId: Project
    jsonKeyFile: Annotated[str, Meta(title="JSON key file", max_length=65536)] | None = None
    location: Annotated[str, Meta(title="Processing location", max_length=64, pattern=r"^[A-Za-z0-9-]+$(?!\n)")] = "US"
    extraProjectsToIndex: (
        Annotated[
            str,
            Meta(title="List of extra projects to index (one per line)", max_length=4096, extra_json_schema=AREA),
        ]
        | None
    ) = None
    totalMBytesProcessedLimit: Annotated[int, Meta(title="Limit of scanned data (MB)", ge=0)] | None = None
    useStandardSql: Annotated[bool, Meta(title="Use Standard SQL")] = True
    userDefinedFunctionResourceUri: Annotated[str, Meta(title="UDF Source URIs", max_length=4096)] | None = None
    jsonOAuthKeyFile: Annotated[str, Meta(title="JSON OAuth key file", max_length=65536)] | None = None
    host: Annotated[Host, Meta(title="Host instead of Google's own")] | None = None
    """Not published, ours: for Private Service Connect."""
    port: Annotated[Port, Meta(title="Port")] = 443
    tls: Annotated[bool, Meta(title="Encryption")] = True
    """Not published, ours: an emulator has none."""
    allow_cleartext_password: Annotated[bool, Meta(title="Allow a token in clear text without TLS")] = False

    def __post_init__(self) -> None:
        if self.host is not None:
            msgspec.structs.force_setattr(self, "host", host_name(self.host))
        if self.jsonKeyFile:
            service_account(self.jsonKeyFile)
        for project in self.projects:
            msgspec.convert(project, Project)

    @property
    def projects(self) -> list[str]:
        """The project itself, and those that are read beside it."""
        extra = [line.strip() for line in (self.extraProjectsToIndex or "").splitlines() if line.strip()]
        return list(dict.fromkeys([self.projectId, *extra]))

    @property
    def target(self) -> tuple[str, int]:
        """The API's host and port."""
        return self.host or HOST, self.port


class BigquerySource(Source, kw_only=True, frozen=True, tag="bigquery"):
    """A project of BigQuery."""

    options: BigqueryOptions
