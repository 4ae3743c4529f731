"""Which schedules of downloads the fields of a source ask for."""

from typing import Any

import pytest

from datasources.health.downloads import Download, Key, is_due, keys_of, owner_of
from datasources.health.plan import Plan

NIGHTLY, HOURLY = Plan(cron="0 3 * * *", timezone="UTC"), Plan(interval_seconds=3600)


@pytest.mark.parametrize(
    ("fields", "dialect", "wanted"),
    [
        ({}, {}, []),
        ({"schema_indexing_schedule": None, "lineage_schedule": ""}, {}, []),
        ({"schema_indexing_schedule": "0  3 * * *"}, {}, [(Download.schema, NIGHTLY)]),
        ({"lineage_schedule": "0 3 * * *"}, {}, [(Download.lineage, NIGHTLY)]),
        ({"lineage_schedule": "at night"}, {}, []),
        ({"lineage_schedule": 5}, {}, []),
        ({}, {"schema_auto_refresh": True}, [(Download.schema, HOURLY)]),
        ({}, {"schema_auto_refresh": False, "schema_refresh_interval": 60}, []),
        ({}, {"schema_auto_refresh": True, "schema_refresh_interval": 1}, [(Download.schema, Plan(interval_seconds=60))]),
        ({"schema_indexing_schedule": "0 3 * * *", "lineage_schedule": "0 3 * * *"}, {"schema_auto_refresh": True},
         [(Download.schema, NIGHTLY), (Download.lineage, NIGHTLY), (Download.schema, HOURLY)]),
        ({"schema_indexing_schedule": "0 3 * * *", "disable_schema_indexing": True}, {"schema_auto_refresh": True}, []),
    ],
)  # fmt: skip
def test_what_a_source_asks_for(fields: dict[str, Any], dialect: dict[str, Any], wanted: list[Any]) -> None:
    """By the published fields of both APIs; what makes no sense asks for nothing."""
    assert [(key.download, key.plan) for key in keys_of(7, fields, dialect)] == wanted


def test_what_is_due() -> None:
    """By the name of the schedule that has fired; nothing of what is paused, or of a paused source."""
    fields = {"schema_indexing_schedule": "0 3 * * *", "lineage_schedule": "0 3 * * *"}
    schema, lineage, refresh = (key.slug for key in keys_of(7, fields, {"schema_auto_refresh": True}))
    dialect = {"schema_auto_refresh": True}
    assert [is_due(slug, 7, fields, dialect) for slug in (schema, lineage, refresh, "downloads-7-x-y")] == [
        Download.schema,
        Download.lineage,
        Download.schema,
        None,
    ]
    paused = fields | {"paused_downloads": ["schema_indexing_schedule"]}
    assert [is_due(slug, 7, paused, dialect) for slug in (schema, lineage, refresh)] == [
        None,
        Download.lineage,
        Download.schema,
    ]
    assert is_due(schema, 7, fields | {"is_paused": True}, dialect) is None
    assert is_due(schema, 8, fields, dialect) is None
    assert len(keys_of(7, paused, dialect)) == 3


def test_names_of_schedules() -> None:
    """The same for the same, another one otherwise, and each says whose it is."""
    keys = [Key(owner, download, plan) for owner in (1, 12) for download in Download for plan in (NIGHTLY, HOURLY)]
    slugs = [key.slug for key in keys]
    assert len({*slugs}) == len(slugs)
    assert [owner_of(slug) for slug in slugs] == [key.organization_id for key in keys]
    assert Key(1, Download.schema, Plan(cron="0 3 * * *", timezone="UTC")).slug in slugs
    assert [owner_of(slug) for slug in (None, "", "timetable-3", "downloads-x-schema-1", "downloads-1")] == [None] * 5
