"""Sources with a history, as an organization has them after a month: what its pages are measured and looked at with."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.secrecy.vault import Vault

SOURCES = text(
    """
    INSERT INTO data_sources (organization_id, name, type, options, fields, status, status_since, failure_reason,
        failure_count, last_tested_at, plan, temp_schema, secret)
    SELECT :organization_id,
        (ARRAY['orders','billing','crm','events','stock','payroll','search','pricing'])[1 + n % 8] || ' ' ||
        (ARRAY['warehouse','replica','archive','lake','mart'])[1 + n % 5] || ' ' || n,
        (ARRAY['pg','pg','mysql','clickhouse'])[1 + n % 4],
        json_build_object('host', 'db' || n || '.example.org', 'port', 5432, 'user', 'reader', 'dbname', 'shop'),
        json_build_object('tags', CASE WHEN n % 6 = 0 THEN '[]'::json ELSE
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
