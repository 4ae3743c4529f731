"""When one source is checked and downloaded by itself: changed, paused, resumed and removed."""

from typing import Any

from litestar import Controller, Response, post
from litestar.params import FromPath

from api.actions import downloads, schedules
from api.dependencies import SessionDep, require_source
from api.pages.forms import downloads_from, schedule_from
from api.pages.rendering import Reader, ReaderDep
from api.pages.timetables import DOWNLOADS
from api.pages.views.source import show_source
from api.wire.errors import Invalid, Problem
from datasources.health.downloads import DownloadField

FROM = "from"
"""The field of a form that says on which page it stands; the reader is led back there."""


class TimingController(Controller):
    """`/sources/{id}/schedule` and `/sources/{id}/downloads`."""

    path = "/sources/{source_id:str}"

    @post("/schedule", status_code=303)
    async def put_schedule(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Check the source regularly from now on."""
        form = dict(await reader.request.form())
        source = await require_source(session, reader.member, source_id)
        try:
            await schedules.put(session, reader.services, source, schedule_from(form))
        except Invalid as invalid:
            await session.rollback()
            return await show_source(reader, session, source_id, status=422, wrong=invalid, given=form)
        return await _done(reader, "The schedule is saved.", source_id, "schedule")

    @post("/schedule/pause", status_code=303)
    async def pause_schedule(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Check the source no longer until it is resumed."""
        source = await require_source(session, reader.member, source_id)
        await schedules.pause(session, reader.services, source, paused=True)
        return await _done(reader, f"The checks of “{source.name}” are paused.", source_id, "schedule")

    @post("/schedule/resume", status_code=303)
    async def resume_schedule(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Check the source again."""
        source = await require_source(session, reader.member, source_id)
        try:
            await schedules.pause(session, reader.services, source, paused=False)
        except Problem as problem:
            if problem.status != 409:
                raise
            return await _done(reader, f"{problem.sentence}.", source_id, "schedule")
        return await _done(reader, f"The checks of “{source.name}” are resumed.", source_id, "schedule")

    @post("/schedule/remove", status_code=303)
    async def remove_schedule(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Stop checking the source regularly."""
        source = await require_source(session, reader.member, source_id)
        name = source.name
        if not await reader.is_sure():
            question = f"“{name}” will be checked only on request. Its history stays."
            return await _ask(reader, question, source_id, "schedule")
        await schedules.remove(session, reader.services, source)
        return await _done(reader, f"The schedule of “{name}” is removed; the history stays.", source_id, "schedule")

    @post("/downloads", status_code=303)
    async def put_downloads(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Download schema and lineage at these times from now on."""
        form = dict(await reader.request.form())
        try:
            await downloads.put(session, reader.services, reader.member, source_id, downloads_from(form))
        except Invalid as invalid:
            await session.rollback()
            return await show_source(reader, session, source_id, status=422, wrong=invalid, given=form)
        return await _done(reader, "The times of its downloads are saved.", source_id, "downloads")

    @post("/downloads/{field:str}/pause", status_code=303)
    async def pause_download(
        self, source_id: FromPath[int], field: FromPath[DownloadField], reader: ReaderDep, session: SessionDep
    ) -> Response[Any]:
        """Download no longer by this schedule until it is resumed."""
        await downloads.pause(session, reader.services, reader.member, source_id, field, paused=True)
        return await _done(reader, f"{DOWNLOADS[field]}: the schedule is paused.", source_id, "downloads")

    @post("/downloads/{field:str}/resume", status_code=303)
    async def resume_download(
        self, source_id: FromPath[int], field: FromPath[DownloadField], reader: ReaderDep, session: SessionDep
    ) -> Response[Any]:
        """Download again by this schedule."""
        await downloads.pause(session, reader.services, reader.member, source_id, field, paused=False)
        return await _done(reader, f"{DOWNLOADS[field]}: the schedule is resumed.", source_id, "downloads")

    @post("/downloads/{field:str}/remove", status_code=303)
    async def remove_download(
        self, source_id: FromPath[int], field: FromPath[DownloadField], reader: ReaderDep, session: SessionDep
    ) -> Response[Any]:
        """Download no longer by this schedule."""
        source = await require_source(session, reader.member, source_id)
        downloads.require_download(source, field)
        if not await reader.is_sure():
            question = f"{DOWNLOADS[field]} of “{source.name}” will end. What was downloaded stays."
            return await _ask(reader, question, source_id, "downloads")
        await session.rollback()
        await downloads.remove(session, reader.services, reader.member, source_id, field)
        return await _done(reader, f"{DOWNLOADS[field]}: the schedule is removed.", source_id, "downloads")


async def _page(reader: Reader, source_id: int, part: str) -> str:
    """Where the reader came from: the page of all schedules, or the source's own."""
    form = await reader.request.form()
    return "/schedules" if form.get(FROM) == "schedules" else f"/sources/{source_id}#{part}"


async def _ask(reader: Reader, question: str, source_id: int, part: str) -> Response[Any]:
    page = await _page(reader, source_id, part)
    return await reader.ask(question, "Remove the schedule", page, **{FROM: page.strip("/").partition("/")[0]})


async def _done(reader: Reader, sentence: str, source_id: int, part: str) -> Response[Any]:
    await reader.board(anew=True)
    return reader.done(sentence, await _page(reader, source_id, part))
