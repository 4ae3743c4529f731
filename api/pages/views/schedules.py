"""The schedules of all the organization's sources at a glance: of checks and of downloads."""

from litestar import Controller, get
from litestar.response import Template

from api.dependencies import SessionDep
from api.pages.rendering import ReaderDep
from api.pages.timetables import timetables_of
from datasources.catalogue.schemas.due import asked_downloads


class SchedulePageController(Controller):
    """`/schedules`."""

    @get("/schedules")
    async def schedules(self, reader: ReaderDep, session: SessionDep) -> Template:
        """Each timetable with its sources, and those that are not checked by any."""
        downloads = await asked_downloads(session, reader.member.organization_id)
        board = await reader.board()
        return await reader.show(
            "schedules.html",
            here="schedules",
            timetables=timetables_of(board.entries, downloads, board.at),
            without=[entry for entry in board.entries if entry.line.plan is None and not entry.line.draft],
        )
