"""When a source's schema and lineage are downloaded without a test: rules without IO.

Sources of an organization that are downloaded at the same times share a schedule in Prefect, whose name says whose it
is, what is downloaded, and at which times.
"""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Literal

import msgspec
from msgspec import Struct

from datasources.health.cron import refuse_cron
from datasources.health.plan import Plan
from datasources.model.steps import KindOfTest

SLUG = "downloads"
LEAST_SECONDS = 60
"""Between two refreshes of a schema; a shorter interval is taken for this one."""
DEFAULT_SECONDS = 3600
DownloadField = Literal["schema_indexing_schedule", "lineage_schedule", "schema_auto_refresh"]
"""Fields of a source that ask for a schedule of downloads; the last one is the hyphen API's."""


class Download(StrEnum):
    """What is downloaded."""

    schema = "schema"
    lineage = "lineage"

    @property
    def kind(self) -> KindOfTest:
        """The kind of test that does it."""
        return KindOfTest.discovery if self is Download.schema else KindOfTest.lineage

    @property
    def step(self) -> str:
        """The step that does it."""
        return f"{self.value}_download"


class Key(Struct, frozen=True):
    """Which sources share a schedule."""

    organization_id: int
    download: Download
    plan: Plan

    @property
    def slug(self) -> str:
        """What the schedule is called in Prefect: the same for the same sources, whichever process makes it."""
        digest = blake2b(msgspec.json.encode(self.plan), digest_size=8).hexdigest()
        return f"{SLUG}-{self.organization_id}-{self.download}-{digest}"

    @property
    def place(self) -> int:
        """A number of its own: schedules of one interval are spread over it."""
        return int.from_bytes(blake2b(self.slug.encode(), digest_size=4).digest())


class Asked(Struct, frozen=True):
    """One schedule of downloads that a source asks for."""

    field: DownloadField
    """The field of the source that asks for it."""
    download: Download
    plan: Plan
    paused: bool


def asked_by(fields: Mapping[str, Any], dialect: Mapping[str, Any]) -> list[Asked]:
    """The schedules of a source by its fields, and by those that only the hyphen API has.

    A source whose schema is not kept has none; a cron expression that makes no sense asks for nothing.
    """
    if fields.get("disable_schema_indexing"):
        return []
    wanted: list[tuple[DownloadField, Download, Plan | None]] = [
        ("schema_indexing_schedule", Download.schema, _by_cron(fields.get("schema_indexing_schedule"))),
        ("lineage_schedule", Download.lineage, _by_cron(fields.get("lineage_schedule"))),
        ("schema_auto_refresh", Download.schema, _refreshed(dialect)),
    ]
    paused = fields.get("paused_downloads") or ()
    return [Asked(field, download, plan, field in paused) for field, download, plan in wanted if plan is not None]


def keys_of(organization_id: int, fields: Mapping[str, Any], dialect: Mapping[str, Any]) -> list[Key]:
    """What Prefect's schedules of these downloads are known by, paused ones included."""
    return [Key(organization_id, asked.download, asked.plan) for asked in asked_by(fields, dialect)]


def is_due(slug: str, organization_id: int, fields: Mapping[str, Any], dialect: Mapping[str, Any]) -> Download | None:
    """What this source downloads now that the schedule of this name is due; None when it, or its source, is paused."""
    if fields.get("is_paused"):
        return None
    due = (asked for asked in asked_by(fields, dialect) if not asked.paused)
    return next((each.download for each in due if Key(organization_id, each.download, each.plan).slug == slug), None)


def owner_of(slug: str | None) -> int | None:
    """The organization whose schedule is called so; None for a schedule that is not one of these."""
    parts = (slug or "").split("-")
    ours = len(parts) == 4 and parts[0] == SLUG and parts[1].isascii() and parts[1].isdigit()
    return int(parts[1]) if ours else None


def _by_cron(cron: object) -> Plan | None:
    if not isinstance(cron, str) or not cron.strip():
        return None
    try:
        refuse_cron(cron)
    except ValueError:
        return None
    return Plan(cron=" ".join(cron.split()), timezone="UTC")


def _refreshed(dialect: Mapping[str, Any]) -> Plan | None:
    if not dialect.get("schema_auto_refresh"):
        return None
    return Plan(interval_seconds=max(LEAST_SECONDS, int(dialect.get("schema_refresh_interval") or DEFAULT_SECONDS)))
