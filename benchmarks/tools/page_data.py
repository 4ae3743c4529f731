"""Sources with a history, as an organization has them after a month: what its pages are measured and looked at with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs, to_builtins
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import DataSource, Job
from datasources.model.results import Published, StepResult
from datasources.model.vocabulary import Code, ErrorCode, JobStatus, Outcome
from datasources.secrecy.vault import Vault

DETAILS: dict[str, dict[str, Any]] = {
    "connection": {
        "user": "reader",
        "database": "shop",
        "address": "192.0.2.7:5432",
        "tls": True,
        "tls_version": "TLSv1.3",
        "response_time_ms": 1.4,
        "stages_ms": {"resolve": 9.1, "tcp": 21.4, "tls": 64.0, "login": 41.2},
    }
}
REFUSED = StepResult(
    code=Code.ERROR,
    message='connection to server at "db.example.org" (192.0.2.7), port 5432 failed: Connection refused',
    outcome=Outcome.failed,
    error_code=ErrorCode.CONNECTION_ERROR,
    remediation="Check host and port, that the server is running, and that no firewall blocks the connection. "
    "On the server, `ss -ltn sport = :5432` shows whether it listens.",
    details={"stage": "tcp"},
)

SOURCES = text(
    """
    INSERT INTO data_sources (organization_id, name, type, options, fields, status, status_since, failure_reason,
        failure_count, last_tested_at, plan, temp_schema, secret)
    SELECT :organization_id,
        (ARRAY['orders','billing','crm','events','stock','payroll','search','pricing'])[1 + n % 8] || ' ' ||
        (ARRAY['warehouse','replica','archive','lake','mart'])[1 + n % 5] || ' ' || n,
        (ARRAY['pg','pg','mysql','clickhouse'])[1 + n % 4],
        json_build_object('host', 'db' || n || '.example.org', 'port', 5432, 'user', 'reader',
            (ARRAY['dbname','dbname','db','database'])[1 + n % 4], 'shop'),
        json_build_object('tags', CASE WHEN n % 12 = 0 THEN 'null'::json WHEN n % 6 = 0 THEN '[]'::json ELSE
            json_build_array((ARRAY['production','staging','finance'])[1 + n % 3]) END,
            'down_after', 3, 'up_after', 2),
        CASE WHEN n % 23 = 7 THEN 'failed' WHEN n % 31 = 5 THEN 'inactive' ELSE 'active' END,
        now() - (n % 23) * interval '37 minutes' - interval '4 minutes',
        CASE WHEN n % 23 = 7 THEN (ARRAY[
            'connection to server at "db.example.org" (192.0.2.7), port 5432 failed: Connection refused',
            'password authentication failed for user "reader"',
            'schema "scratch" does not exist'])[1 + n % 3] END,
        CASE WHEN n % 23 = 7 THEN 3 ELSE 0 END,
        CASE WHEN n % 31 = 5 THEN NULL ELSE now() - (n % 5) * interval '1 minute' END,
        '{"interval_seconds": 300}', 'scratch', :secret
    FROM generate_series(1, :sources) AS n
    RETURNING id
    """
)
RECORDS = text(
    """
    INSERT INTO health_records (source_id, job_id, checked_at, passed, response_time_ms, error_code, trigger, steps,
        expected_seconds)
    SELECT s.id, s.id * 1000000 + k, now() - k * interval '5 minutes' - (s.id % 5) * interval '1 minute',
        CASE WHEN (k * 7 + s.id) % 89 = 0 THEN NULL
             ELSE NOT (s.status = 'failed' AND k <= (s.id % 23) * 7 + 1 OR (k * 31 + s.id) % 67 = 0) END,
        CASE WHEN s.status = 'failed' AND k <= (s.id % 23) * 7 + 1 OR (k * 31 + s.id) % 67 = 0 THEN NULL
             ELSE 3 + (s.id % 17) * 4 + 6 * abs(sin(k / 9.0 + s.id)) + (CASE WHEN k % 41 = 3 THEN 60 ELSE 0 END) END,
        CASE WHEN s.status = 'failed' AND k <= (s.id % 23) * 7 + 1 THEN 'CONNECTION_ERROR'
             WHEN (k * 31 + s.id) % 67 = 0 THEN 'TIMEOUT' END,
        'schedule', '{"connection": {"outcome": "success", "ms": 12}}', 300
    FROM data_sources s, generate_series(0, :checks - 1) AS k
    WHERE s.organization_id = :organization_id AND s.status <> 'inactive'
    """
)
ROLLUPS = text(
    """
    INSERT INTO health_rollups (source_id, hour, checks, failures, up_seconds, down_seconds, response_times)
    SELECT s.id, date_trunc('hour', now()) - k * interval '1 hour', 12, (k + s.id) % 50 / 49,
        3600 - 300 * ((k + s.id) % 50 / 49), 300 * ((k + s.id) % 50 / 49),
        '{"buckets": {"70": 12}, "sum": 120, "least": 8, "greatest": 12}'
    FROM data_sources s, generate_series(2, :hours) AS k
    WHERE s.organization_id = :organization_id AND s.status <> 'inactive'
    """
)


async def fill(
    session: AsyncSession, organization_id: int, vault: Vault, *, sources: int, checks: int = 120, hours: int = 720
) -> list[int]:
    """Sources of every state, each with so many checks and rolled-up hours; answers their ids."""
    secret = vault.seal({"options": {"password": "secret"}, "ssh_tunnel": {}})
    given = {"organization_id": organization_id}
    rows = await session.execute(SOURCES, given | {"sources": sources, "secret": secret})
    ids = [int(row[0]) for row in rows]
    await session.execute(RECORDS, given | {"checks": checks})
    await session.execute(ROLLUPS, given | {"hours": hours})
    await session.execute(text("ANALYZE"))
    return ids


def published(*, passed: bool, now: datetime) -> list[Published]:
    """What the steps of a test have found that ended a minute ago."""
    if not passed:
        return [_step("connection", Outcome.failed, 142, now, 1.0, REFUSED)] + [
            _step(
                name,
                Outcome.skipped,
                0,
                now,
                0.9,
                StepResult(code=Code.SKIP, message="The connection failed", outcome=Outcome.skipped),
            )
            for name in ("temp_schema", "schema_download", "lineage_download")
        ]
    found = {
        "connection": (142, 1.0, "Connected to the database"),
        "version_probe": (12, 0.98, "PostgreSQL 18.6"),
        "temp_schema": (61, 0.92, 'Schema "shop"."scratch" is writeable'),
        "schema_download": (770, 0.22, "Discovered 6 tables"),
        "lineage_download": (240, 0.75, "Lineage fetched"),
    }
    return [
        _step(
            name,
            Outcome.success,
            ms,
            now,
            ago,
            StepResult(code=Code.OK, message=message, outcome=Outcome.success, details=DETAILS.get(name, {})),
        )
        for name, (ms, ago, message) in found.items()
    ]


def _step(name: str, outcome: Outcome, ms: int, now: datetime, ago: float, result: StepResult) -> Published:
    ended = now - timedelta(seconds=60 + ago)
    duration = ms if outcome is not Outcome.skipped else None
    return Published(job_id=0, task=name, result=structs.replace(result, duration_ms=duration), ended_at=ended)


async def add_tests(session: AsyncSession, organization_id: int) -> None:
    """An ended test of each source that was checked, with all its steps."""
    now = datetime.now(UTC)
    chosen = select(DataSource).where(DataSource.organization_id == organization_id, DataSource.status != "inactive")
    for source in await session.scalars(chosen):
        passed = source.status == "active"
        begun = now - timedelta(seconds=61.2)
        session.add(
            Job(
                organization_id=organization_id,
                source_id=source.id,
                source_revision=1,
                trigger="test",
                steps=["connection", "version_probe", "temp_schema", "schema_download", "lineage_download"],
                deadline=now,
                status=JobStatus.done if passed else JobStatus.failed,
                created_at=begun,
                dispatched_at=begun,
                started_at=begun,
                ended_at=now - timedelta(seconds=60),
                results=to_builtins(published(passed=passed, now=now)),
                reason=None if passed else source.failure_reason,
                error_code=None if passed else "CONNECTION_ERROR",
            )
        )
    await session.flush()
