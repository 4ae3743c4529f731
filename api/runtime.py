"""What the handlers of one process share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.background.downloads import DownloadMirror, DownloadQueue
from api.background.job_metrics import JobMetrics
from api.background.retention import Retention
from api.background.run_names import RunNames
from api.background.schedule_mirror import ScheduleMirror
from api.background.schema_events import SchemaEvents
from api.background.status_events import StatusEvents
from api.background.sweep_keeper import SweepKeeper
from api.jobs.encoded import Encoded, EncodedAnswers
from api.jobs.following.watch import Watch
from api.jobs.submit import Submitter
from api.key_listener import KeyListener
from api.known_keys import KnownKeys
from api.prefect.client import PrefectServer
from api.shared import Shared
from datasources.catalogue.engine import pooled_engine
from datasources.model.settings import Settings
from datasources.secrecy.vault import Vault


class Services(Struct, frozen=True):
    """What handlers need, made once when the application starts."""

    settings: Settings
    vault: Vault
    sessions: async_sessionmaker[AsyncSession]
    keys: KnownKeys
    answers: EncodedAnswers
    made_anew: Shared[Encoded]
    """Answers that clients have waited for, by organization and job."""
    prefect: PrefectServer
    watch: Watch
    submitter: Submitter
    figures: JobMetrics


@asynccontextmanager
async def started(app: Litestar) -> AsyncIterator[None]:
    """Open everything for the life of the application, and close it in the opposite order."""
    settings: Settings = app.state.settings
    engine = pooled_engine(settings)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    try:
        async with (
            PrefectServer(settings) as prefect,
            Watch(sessions, prefect, settings) as watch,
            ScheduleMirror(sessions, prefect),
            StatusEvents(sessions, prefect),
            SchemaEvents(sessions, prefect),
            DownloadMirror(sessions, prefect),
            DownloadQueue(sessions, watch),
            SweepKeeper(sessions, prefect),
            RunNames(prefect),
            Retention(sessions, settings),
            KeyListener(settings) as key_listener,
        ):
            vault = Vault.from_settings(settings)
            app.state.services = Services(
                settings=settings,
                vault=vault,
                sessions=sessions,
                keys=KnownKeys(sessions, key_listener),
                answers=EncodedAnswers(),
                made_anew=Shared(),
                prefect=prefect,
                watch=watch,
                submitter=Submitter(settings, vault, watch),
                figures=JobMetrics(sessions, watch),
            )
            yield
    finally:
        await engine.dispose()
