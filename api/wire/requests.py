"""What clients send, and how the OpenAPI document shows it.

Bodies are read by hand, because some may be absent or have no content type (contract 2.2), and because nothing of a
source may be lost; what the document says of them is derived from the structs.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, cast

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from msgspec import Meta, Struct

from datasources.databases import DATABASES
from datasources.health.downloads import DEFAULT_SECONDS, DownloadField
from datasources.health.downloads import LEAST_SECONDS as LEAST_REFRESH_SECONDS
from datasources.health.plan import LEAST_SECONDS
from datasources.model.alerts import MOST_CHARACTERS, AlertKind
from datasources.model.inputs.hosts import host_name
from datasources.model.inputs.secret_references import FIELD
from datasources.model.source import Host, Port
from datasources.model.vocabulary import OnQuestion, Role

MOST_SECONDS = 366 * 24 * 3600
"""The longest interval of a schedule."""
Seconds = Annotated[int, Meta(ge=1, le=300)]
Threshold = Annotated[int, Meta(ge=1, le=100)]
LARGEST_ID = 2**63 - 1


ANSWERED_ONLY = ("id", "last_test", "created_at", "updated_at", "organization_id", "via", FIELD)
"""Fields of a source that clients send back as they got them; they are ours to say."""


class TestRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client may say about a test; every field is optional, and so is the whole body."""

    __test__: ClassVar[bool] = False

    test_query: (
        Annotated[str, Meta(min_length=1, max_length=100_000, description="One statement that only reads")] | None
    ) = None
    timeout_seconds: Seconds | None = None
    on_question: OnQuestion | None = None
    counts: (
        Annotated[
            bool,
            Meta(
                description="Whether it counts in the source's uptime. By default it does once the source has a "
                "schedule or has passed a test"
            ),
        ]
        | None
    ) = None


PUBLISHED_FIELDS = (
    "accessible",
    "created_from",
    "data_retention_days",
    "discourage_manual_profiling",
    "group_ids",
    "groups",
    "max_allowed_connections",
    "oauth_dwh_active",
    "profile_exclude_list",
    "profile_include_list",
    "profile_schedule",
    "queue_name",
    "scheduled_queue_name",
    "schema_max_age_s",
    "source",
    "view_only",
)
"""Fields of a source that Datafold's API has and no check needs: kept as they are given, and given back."""


class SourceFields(Struct, frozen=True):
    """The optional published fields of a source that checks do not need."""

    description: str | None = None
    tags: list[str] | None = None
    catalog_include_list: str | None = None
    catalog_exclude_list: str | None = None
    float_tolerance: int | float | None = None
    disable_schema_indexing: bool | None = None
    disable_profiling: bool | None = None
    schema_indexing_schedule: str | None = None
    lineage_schedule: str | None = None
    paused_downloads: (
        Annotated[list[DownloadField], Meta(max_length=3, description="Schedules of downloads that are paused")] | None
    ) = None
    is_paused: bool | None = None
    hidden: bool | None = None
    secret_id: int | None = None
    """Published, and no secret of ours."""
    connection_timeout: Seconds = 30
    query_timeout: Annotated[int, Meta(ge=1, le=3600)] = 300
    down_after: Threshold = 3
    up_after: Threshold = 2


class Confirmation(Struct, frozen=True, forbid_unknown_fields=True):
    """A confirmation; the question says which of the two fields it needs."""

    fingerprint: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=16384,
                description="For a question of kind `host_key`: the exact fingerprint, `SHA256:…`, alone or within "
                "the output of `ssh-keygen -l` or `ssh-keyscan`",
            ),
        ]
        | None
    ) = None
    confirm: (
        Annotated[bool, Meta(description="For a question of kind `query`; optional, as the whole body is")] | None
    ) = None


class SecretAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """What every answer with a secret has; `GivenSecret` adds the names of the secrets."""

    save: Annotated[bool, Meta(description="Store the secret with the source; otherwise only this test uses it")] = (
        False
    )

    def secrets(self) -> dict[str, str]:
        """Those that were given, by name."""
        return {name: value for name in ASKED if (value := getattr(self, name)) is not None}


ASKED: dict[str, str] = {
    **{
        name: f"Secret of the source: its option `{name}`"
        for kind in DATABASES.values()
        for name in kind.options.asked_fields
    },
    "password": "Password of the source or of its SSH gateway, as the question says",
    "private_key": "Private key for the SSH gateway, as PEM text",
    "passphrase": "Passphrase of the private key",
}
"""Every secret that a test may ask for, whatever the type of its source, and what it is."""

GivenSecret: type[SecretAnswer] = msgspec.defstruct(  # type: ignore[assignment]
    "GivenSecret",
    [
        (name, Annotated[str, Meta(min_length=1, max_length=65536, description=about)] | None, None)
        for name, about in ASKED.items()
    ],
    bases=(SecretAnswer,),
    namespace={"__doc__": "The secret that a test asks for."},
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
)


class NewHostKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway, and the key that identifies it."""

    host: Host
    host_key: Annotated[
        str,
        Meta(min_length=1, max_length=16384, description="A public key line (`ssh-ed25519 AAAA…`) or `SHA256:…`"),
    ]
    port: Port = 22

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "host", host_name(self.host))


class WantedSchedule(Struct, frozen=True, forbid_unknown_fields=True):
    """A health schedule: an interval, or cron in a time zone."""

    interval_seconds: Annotated[int, Meta(ge=LEAST_SECONDS, le=MOST_SECONDS)] | None = None
    cron: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    timezone: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=100,
                description="An IANA name such as Europe/Berlin; only with cron; UTC by default",
            ),
        ]
        | None
    ) = None
    active: bool = True


class WantedDownloads(Struct, frozen=True, forbid_unknown_fields=True):
    """When a source's schema and lineage are downloaded without a test; what is left out has no schedule."""

    schema_indexing_schedule: str | None = None
    lineage_schedule: str | None = None
    schema_auto_refresh: bool = False
    schema_refresh_interval: Annotated[int, Meta(ge=LEAST_REFRESH_SECONDS, le=MOST_SECONDS)] = DEFAULT_SECONDS


class NewAlert(Struct, frozen=True, forbid_unknown_fields=True):
    """Who hears when a source goes down or comes back."""

    kind: AlertKind
    url: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MOST_CHARACTERS,
            description="Where the alert goes: http:// or https:// for a webhook, the incoming webhook for Slack, "
            "mailtos://USER:PASSWORD@SMTP-HOST?from=ADDRESS&to=ADDRESS for mail. No answer shows it",
        ),
    ]
    name: (
        Annotated[str, Meta(min_length=1, max_length=200, description="Default: kind, host and data source")] | None
    ) = None
    data_source_id: (
        Annotated[
            int,
            Meta(
                ge=1, le=LARGEST_ID, description="The one data source that the alert is about; all of them by default"
            ),
        ]
        | None
    ) = None


class ChangedAlert(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client may change of an alert."""

    paused: bool


class KeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a new key is for."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    on_question: OnQuestion = "ask"
    """What this key's tests do when they need a person's answer, unless the request says otherwise."""


class NewMember(Struct, frozen=True, forbid_unknown_fields=True):
    """A person, or a program that acts as one, who becomes a member."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    email: Annotated[str, Meta(min_length=3, max_length=254)] | None = None
    role: Role = "member"
    on_question: OnQuestion = "ask"
    """What tests of the key that comes with it do when they need a person's answer."""


class ChangedMember(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client may change of a member."""

    role: Role


class NewInvitation(Struct, frozen=True, forbid_unknown_fields=True):
    """Another key for a member who has lost theirs."""

    on_question: OnQuestion = "ask"


class ApplyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Sources as a file declares them: the state to reach."""

    sources: list[dict[str, Any]]
    """What the POST of a source takes, with `schedule` as the PUT of a schedule takes it."""
    dry_run: Annotated[bool, Meta(description="Return the plan and change nothing")] = False
    prune: Annotated[bool, Meta(description="Remove every source that is not named")] = False


def takes(kind: type[Struct], *, required: bool = True) -> type[Operation]:
    """The operation of a handler that reads a body of this kind by hand."""
    return _operation(schema_of(kind), required=required)


def takes_source(name: str) -> type[Operation]:
    """The operation of a handler that reads a source; the schema of this name is written by `api.openapi.sources`."""
    return _operation({"$ref": f"#/components/schemas/{name}"}, required=True)


def takes_sources() -> type[Operation]:
    """The operation of a handler that reads all sources of a file."""
    schema = schema_of(ApplyRequest)
    items = {"$ref": "#/components/schemas/DeclaredDataSource"}
    return _operation(
        schema | {"properties": schema["properties"] | {"sources": {"type": "array", "items": items}}}, required=True
    )


def schema_of(kind: type[Struct]) -> dict[str, Any]:
    """The JSON schema of a struct; what is inside it stands where it is used."""
    definitions: dict[str, Any] = msgspec.json.schema(kind)["$defs"]
    found: dict[str, Any] = _expanded(definitions[kind.__name__], definitions)
    return found


def _expanded(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_expanded(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _expanded(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    return {name: _expanded(value, definitions) for name, value in schema.items()}


def _operation(schema: dict[str, Any], *, required: bool) -> type[Operation]:
    media_type = OpenAPIMediaType(schema=cast(Schema, schema))  # written into the document as it is

    @dataclass
    class TakesBody(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(content={"application/json": media_type}, required=required)

    return TakesBody
