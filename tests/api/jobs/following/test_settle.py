"""What was decided is carried out, or fails soon enough to be decided again."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Running
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from api.jobs.following import settle
from api.jobs.following.decide import Cancel, GiveUp, StopRun
from api.prefect.client import PrefectServer, Run
from datasources.catalogue.tables import Job
from datasources.model.settings import Settings

NOW = datetime.now(UTC)


@pytest.mark.parametrize("action", [StopRun(), Cancel(), GiveUp()], ids=lambda action: type(action).__name__)
async def test_prefect_does_not_answer(
    silent_port: int, monkeypatch: pytest.MonkeyPatch, action: StopRun | Cancel | GiveUp
) -> None:
    """All other jobs wait for this one: it is given up after a while, and decided about again."""
    monkeypatch.setattr(settle, "SERVER_ANSWER_SECONDS", 0.2)
    job = Job(id=1, flow_run_id=UUID(int=7), steps=["connection"], deadline=NOW, cancel_requested_at=NOW)
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{silent_port}/api"}):
        settler = settle.Settler(async_sessionmaker[AsyncSession](), PrefectServer(Settings.load()))
        with pytest.raises(TimeoutError):
            await settler.carry_out(action, job, Run(state=Running(), started_at=NOW, published={}))
