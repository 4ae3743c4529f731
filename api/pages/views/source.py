"""One source: its newest test as it goes on, its history, its schedule, what it is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath
from litestar.response import ServerSentEvent, Template
from msgspec import Struct

from api.actions import sources
from api.actions.cancelling import cancel
from api.actions.drafts import original_of
from api.dependencies import Session, SessionDep, lock_source_for_test, require_job, require_source
from api.jobs.refresh import read_known
from api.limits import ASKS_FOR_TEST
from api.pages.board import Entry
from api.pages.drawing.bars import Bar, bar
from api.pages.drawing.spark import Spark, spark
from api.pages.forms import test_from
from api.pages.live import Stream
from api.pages.one_test import TestView, show_test
from api.pages.rendering import Reader, ReaderDep
from api.pages.timetables import downloads_of
from api.wire.errors import Invalid, Problem
from api.wire.health import health_of
from api.wire.schemas import Health
from api.wire.source_details import details_of
from datasources.catalogue.health.overview import DRAFT, Check, newest_checks
from datasources.catalogue.health.status_changes import newest_changes
from datasources.catalogue.jobs.jobs import newest_jobs
from datasources.catalogue.schemas.reading.overview import read_overview
from datasources.catalogue.sources import forget_secret
from datasources.catalogue.tables import DataSource, Job, StatusChange
from datasources.health.plan import Plan
from datasources.model.steps import KindOfTest

SHOWN_CHECKS = 30
SHOWN_CHANGES = 12
LOOK_SECONDS = 0.5
"""Between two looks at a test while a person watches it."""
CALM_SECONDS = 2.0
"""The same while none is open."""


class History(Struct, frozen=True):
    """What the history of a source shows."""

    health: Health
    bar: Bar
    spark: Spark
    checks: list[Check]
    """Those of the bar, newest first."""
    changes: list[StatusChange]


class SourcePageController(Controller):
    """`/sources/{id}` and its tests."""

    path = "/sources/{source_id:str}"

    @get("/")
    async def read(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Template:
        """All about one source."""
        return await show_source(reader, session, source_id)

    @get("/live")
    async def live(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> ServerSentEvent:
        """The parts of the page that have changed."""
        await require_source(session, reader.member, source_id)
        await session.close()
        return ServerSentEvent(_events(reader, source_id), headers={"Cache-Control": "no-store"}, retry_duration=3000)

    @post("/test", status_code=303, opt=ASKS_FOR_TEST)
    async def test(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Ask for a test, with a query of the reader's if there is one."""
        form = dict(await reader.request.form())
        try:
            asked = test_from(form)
            source = await lock_source_for_test(session, reader.member, source_id)
            await reader.services.submitter.accept(session, reader.member, source, asked, KindOfTest.asynchronous)
        except Invalid as invalid:
            await session.rollback()
            return await show_source(reader, session, source_id, status=422, wrong=invalid, given=form)
        await reader.board(anew=True)
        return reader.done("", f"/sources/{source_id}#test")

    @get("/tests/{job_id:str}")
    async def one_test(
        self, source_id: FromPath[int], job_id: FromPath[int], reader: ReaderDep, session: SessionDep
    ) -> Template:
        """An earlier test."""
        source = await require_source(session, reader.member, source_id)
        job = await require_job(session, reader.member, job_id)
        if job.source_id != source_id:
            raise Problem(404, "Job not found")
        return await reader.show(
            "test.html", here="sources", source=source, test=await _shown(reader, session, job), wrong=None
        )

    @post("/tests/{job_id:str}/cancel", status_code=303)
    async def cancel(
        self, source_id: FromPath[int], job_id: FromPath[int], reader: ReaderDep, session: SessionDep
    ) -> Response[Any]:
        """Cancel a test that waits, runs or asks."""
        job = await require_job(session, reader.member, job_id)
        if job.ended_at is None:
            await cancel(session, reader.services, job)
        await reader.board(anew=True)
        return reader.done("", f"/sources/{source_id}#test")

    @post("/forget", status_code=303)
    async def forget(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Forget what the source logs in with."""
        source = await require_source(session, reader.member, source_id)
        if not await reader.is_sure():
            question = "This forgets the secrets of this source: its next test will ask for them."
            return await reader.ask(question, "Forget the secrets", f"/sources/{source_id}")
        forget_secret(source)
        await session.commit()
        return reader.done("Its secrets are forgotten: the next test asks for them.", f"/sources/{source_id}")

    @post("/remove", status_code=303)
    async def remove(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Remove the source."""
        source = await require_source(session, reader.member, source_id)
        name = source.name
        if not await reader.is_sure():
            question, button = _before_removal(source)
            return await reader.ask(question, button, f"/sources/{source_id}")
        await session.rollback()
        await sources.remove(session, reader.services, reader.member, source_id)
        await reader.board(anew=True)
        original = original_of(source)
        if original is not None:
            return reader.done("The changes are discarded.", f"/sources/{original}")
        return reader.done(f"“{name}” is removed.", "/")


def _before_removal(source: DataSource) -> tuple[str, str]:
    """What is asked before a source, or a draft of one, is removed; and the word on the button."""
    if source.fields.get("created_from") == DRAFT:
        return "This discards everything that you filled in and did not save, secrets included.", "Discard the draft"
    removing = f"This removes “{source.name}” with its secrets and its schedule. The API still shows its past tests."
    return removing, "Remove the source"


async def show_source(
    reader: Reader,
    session: Session,
    source_id: int,
    *,
    status: int = 200,
    wrong: Invalid | None = None,
    given: dict[str, Any] | None = None,
) -> Template:
    """The page of a source; `wrong` is what was wrong with a form on it, and `given` what it held."""
    source = await require_source(session, reader.member, source_id)
    test = await _newest(reader, session, source_id)
    entry = await _entry(reader, source_id)
    return await reader.show(
        "source.html",
        status,
        here="sources",
        source=source,
        details=details_of(source),
        original=original_of(source),
        entry=entry,
        test=test,
        plan=Plan.read(source.plan),
        downloads=downloads_of(source),
        overview=await read_overview(session, source_id),
        history=await _history(session, source),
        wrong=wrong,
        given=given or {},
    )


async def _entry(reader: Reader, source_id: int) -> Entry | None:
    """The source's line on the board; None in the second before it is there."""
    board = await reader.board()
    return next((entry for entry in board.entries if entry.line.id == source_id), None)


async def _newest(reader: Reader, session: Session, source_id: int) -> TestView | None:
    jobs = await newest_jobs(session, source_id, 1)
    return await _shown(reader, session, jobs[0]) if jobs else None


async def _shown(reader: Reader, session: Session, job: Job) -> TestView:
    await read_known(job, session, reader.services.watch)
    return show_test(job, reader.services.watch.run_of(job.id), reader.services.settings.prefect_ui)


async def _history(session: Session, source: DataSource) -> History:
    checks = (await newest_checks(session, [source.id]))[source.id]
    return History(
        health=await health_of(session, source, 1, "30d"),
        bar=bar(checks),
        spark=spark(checks),
        checks=checks[: -SHOWN_CHECKS - 1 : -1],
        changes=list(await newest_changes(session, source.id, SHOWN_CHANGES)),
    )


async def _events(reader: Reader, source_id: int) -> AsyncIterator[dict[str, Any]]:
    """The test whenever it looks otherwise, and the rest when one has ended."""
    stream = Stream(reader)
    shown: tuple[object, ...] | None = None
    ended: int | None = None
    first = True
    while await stream.goes_on():
        async with reader.services.sessions() as session:
            test = await _newest(reader, session, source_id)
            fingerprint = test.fingerprint if test else ()
            if fingerprint != shown:
                source = await require_source(session, reader.member, source_id)
                yield {"event": "part", "data": reader.part("parts/test.html", test=test, source=source, wrong=None)}
                if test and test.ended and test.id != ended and not first:
                    async for part in _rest(reader, session, source):
                        yield part
                ended = test.id if test and test.ended else ended
                shown, first = fingerprint, False
        await asyncio.sleep(LOOK_SECONDS if test and not test.ended else CALM_SECONDS)


async def _rest(reader: Reader, session: Session, source: DataSource) -> AsyncIterator[dict[str, Any]]:
    board = await reader.board(anew=True)
    entry = await _entry(reader, source.id)
    details = details_of(source)
    yield {"event": "counts", "data": reader.part("parts/counts.html", counts=board.counts)}
    yield {"event": "part", "data": reader.part("parts/standing.html", source=source, entry=entry, details=details)}
    history = await _history(session, source)
    yield {"event": "part", "data": reader.part("parts/history.html", source=source, history=history)}
