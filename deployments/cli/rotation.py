"""Encrypt every stored secret anew with the first key, after which the others can be thrown away."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import InstrumentedAttribute

from datasources.catalogue.engine import pooled_engine
from datasources.catalogue.tables import DataSource, Job
from datasources.model.settings import Settings
from datasources.secrecy.vault import Vault

SEALED: tuple[tuple[Any, InstrumentedAttribute[bytes | None]], ...] = (
    (DataSource, DataSource.secret),
    (Job, Job.test_query),
    (Job, Job.run_secret),
)
"""Every column that holds what a `Vault` has sealed."""
BATCH = 500
"""Rows in one transaction."""


async def rotate(settings: Settings) -> int:
    """Answers how many there were. Rows that change meanwhile are written with the first key anyway.

    Raises `SecretsError` when one cannot be read with any of the keys; the batches before it stay done.
    """
    vault = Vault.from_settings(settings)
    engine = pooled_engine(settings)
    sessions = async_sessionmaker(engine)
    try:
        return sum([await _rotate_column(sessions, vault, table, column) for table, column in SEALED])
    finally:
        await engine.dispose()


async def _rotate_column(
    sessions: async_sessionmaker[Any], vault: Vault, table: Any, column: InstrumentedAttribute[bytes | None]
) -> int:
    done, last = 0, 0
    while True:
        async with sessions.begin() as session:
            rows = (
                await session.execute(
                    select(table.id, column)
                    .where(table.id > last, column.is_not(None))
                    .order_by(table.id)
                    .limit(BATCH)
                    .with_for_update()
                )
            ).all()
            for row_id, sealed in rows:
                await session.execute(
                    update(table).where(table.id == row_id).values({column.key: vault.rotate(sealed)})
                )
        if not rows:
            return done
        done, last = done + len(rows), rows[-1][0]
