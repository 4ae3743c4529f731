"""Statements in the entries of a log, as Amazon writes them."""

import pytest

from datasources.databases.rds.cloudwatch import place_of
from datasources.databases.rds.log_lines import LogLines
from datasources.databases.rds.model import RdsOptions

TIME = "2026-11-26 07:00:00 UTC"
CASES = {
    f"{TIME}:10.0.0.5(50123):etl@shop:[77]:LOG:  statement: INSERT INTO a": "INSERT INTO a",
    f"{TIME}:10.0.0.5(50123):etl@shop:[77]:LOG:  statement: INSERT\n\tINTO a\n\t\tSELECT 1": "INSERT\nINTO a\n\tSELECT 1",
    f"{TIME}:10.0.0.5(50123):etl@shop:[77]:LOG:  execute <unnamed>: UPDATE a": "UPDATE a",
    f"{TIME}:10.0.0.5(50123):etl@shop:[77]:LOG:  execute S_1/C_2: UPDATE a": "UPDATE a",
    f"{TIME}:10.0.0.5(50123):etl@shop:[77]:LOG:  duration: 12.345 ms  statement: UPDATE a": "UPDATE a",
    f"{TIME}:2001:db8::1(50123):etl@shop:[77]:LOG:  statement: UPDATE a": "UPDATE a",
    f"{TIME}:[local]:rdsadmin@shop:[77]:LOG:  statement: UPDATE a": "UPDATE a",
    f"{TIME}:10.0.0.5(1):a.b@example.com@shop:[77]:LOG:  statement: UPDATE a": "UPDATE a",
    "2026-11-26 07:00:00.123 UTC:10.0.0.5(1):etl@shop:[77]:3:00000:2026-11-26 06:00:00 UTC:4/5:0:6655.1:psql:LOG:  statement: UPDATE a":
        "UPDATE a",
    f"{TIME}:10.0.0.5(50123):etl@other:[77]:LOG:  statement: UPDATE a": None,
    f"{TIME}:10.0.0.5(50123):etl@workshop:[77]:LOG:  statement: UPDATE a": None,
    f"{TIME}:10.0.0.5(50123):etl@shop:[77]:ERROR:  relation does not exist": None,
    f"{TIME}:10.0.0.5(50123):etl@shop:[77]:DETAIL:  parameters: $1 = 'LOG:  statement: UPDATE a'": None,
    f"{TIME}:10.0.0.5(50123):etl@shop:[77]:STATEMENT:  UPDATE a": None,
    f"{TIME}::@:[8]:LOG:  checkpoint starting: time": None,
    f"{TIME}:" + "@shop" * 50_000: None,
    f'{TIME}:10.0.0.5(1):x@shop:[1]:LOG:  statement: insert into a table b--@z:[77]:FATAL:  password authentication failed for user "x"': None,
    f'{TIME}:10.0.0.5(1):x@shop:[1]:LOG:  statement: insert into a table b--:[77]:FATAL:  database "shop:…" does not exist': None,
    f"{TIME}:10.0.0.5(1):x@shop:[1]:LOG:  statement: insert into a table b\n\t--@z:[77]:FATAL:  no such role": None,
    f"{TIME}:10.0.0.5(1):x@shop:[1]:LOG:  statement: insert into a table b--@z:[77]:3:28P01:{TIME}:4/5:0:66.11::FATAL:  no": None,
    f"{TIME}:10.0.0.5(1):etl@shop:[77]:LOG:  statement: SELECT ':ERROR:  ', a[1]\n\tINTO a": "SELECT ':ERROR:  ', a[1]\nINTO a",
    "": None,
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)))
def test_entries(number: int) -> None:
    """Either way in which Amazon lets the beginning of a line be; of the source's database alone."""
    entry, statement = list(CASES.items())[number]
    assert LogLines("shop").statement(entry) == statement


def test_where_a_log_is() -> None:
    """Amazon's own host in the region, China's among them; nowhere without a whole key."""
    given = {"host": "h", "user": "u", "dbname": "d", "aws_cloudwatch_log_group": "g"}
    key = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "hidden"}
    place = place_of(RdsOptions(**given, **key, aws_region="cn-north-1"))
    assert place is not None
    assert place.service.host == "logs.cn-north-1.amazonaws.com.cn"
    assert "hidden" not in repr(place)
    assert place_of(RdsOptions(**given, aws_region="eu-west-1")) is None
    assert place_of(RdsOptions(**given, **key)) is None
