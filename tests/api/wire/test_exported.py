"""A source as a file declares it."""

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet

from api.wire.exported import exported
from api.wire.registration import parse
from datasources.catalogue.sources import write_source
from datasources.catalogue.tables import DataSource
from datasources.secrecy.vault import Vault

VAULT = Vault(Fernet.generate_key().decode())


@pytest.mark.parametrize(
    ("plan", "schedule"),
    [
        ({"interval_seconds": 60.0}, '{"interval_seconds": 60}'),
        ({"interval_seconds": 90.5}, '{"interval_seconds": 90.5}'),
        ({"cron": "0 6 * * *", "timezone": "UTC"}, '{"cron": "0 6 * * *", "timezone": "UTC"}'),
    ],
)
def test_intervals_are_whole_where_they_can_be(plan: dict[str, Any], schedule: str) -> None:
    """As a person writes them; half a second, which only Prefect's UI takes, stays."""
    row = DataSource(id=1, organization_id=1, checks_paused=False)
    given = {"name": "Shop", "type": "pg", "options": {"host": "h", "user": "u", "dbname": "d"}}
    write_source(row, *parse(given), VAULT)
    row.plan = plan
    source, _ = exported(row, VAULT)
    assert json.dumps(source["schedule"]) == schedule
