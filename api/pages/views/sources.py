"""The list of sources, the tests that are asked for in it, and its changes as they happen."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, get_args

from litestar import Controller, Response, get, post
from litestar.params import FromQuery
from litestar.response import ServerSentEvent, Template
from msgspec import Struct

from api.dependencies import Session, lock_source_for_test
from api.limits import ASKS_FOR_TEST
from api.pages.arrange import SORTS, Arranged, Sort, Wanted, arrange, found, tags_of
from api.pages.board import Entry
from api.pages.drawing.bars import Bar, bar
from api.pages.drawing.spark import Spark, spark
from api.pages.live import changes
from api.pages.rendering import Reader, ReaderDep
from api.pages.views.sign_in import local
from api.wire.errors import Problem
from api.wire.requests import TestRequest
from datasources.catalogue.health.overview import newest_checks
from datasources.databases import DATABASES
from datasources.health.glance import GLANCES
from datasources.model.steps import KindOfTest

AT_ONCE = 8
"""Tests that one request asks for side by side."""


class Row(Struct, frozen=True):
    """One source with its pictures."""

    entry: Entry
    bar: Bar
    spark: Spark
    uptime: float | None


class SourcesController(Controller):
    """`/`, and what its list needs."""

    @get("/")
    async def index(self, reader: ReaderDep) -> Template:
        """Every source of the organization, what is down first."""
        board = await reader.board()
        wanted = wanted_by(dict(reader.request.query_params))
        arranged = arrange(board.entries, wanted)
        return await reader.show(
            "sources.html",
            here="sources",
            wanted=wanted,
            arranged=arranged,
            rows=await rows_of(reader, _shown(arranged)),
            every=len(board.entries),
            matching=len(found(board.entries, wanted)),
            sorts=SORTS,
            tags=tags_of(board.entries),
            types=sorted({entry.line.type for entry in board.entries}),
        )

    @post("/test", status_code=200, opt=ASKS_FOR_TEST)
    async def test(self, reader: ReaderDep) -> Response[Any]:
        """Ask for a test of one source, of those that are ticked, or of all that the filter leaves."""
        form = await reader.request.form()
        back = local(form.get("back"))
        if form.get("only"):
            ids = _numbers([form.get("only")])
        elif form.get("all"):
            board = await reader.board()
            wanted = wanted_by({name: str(value) for name, value in form.items()})
            ids = [entry.line.id for entry in found(board.entries, wanted)]
        else:
            ids = _numbers(form.getall("id", []))
        sentence = await _ask_for(reader, ids)
        if reader.by_script:
            return Template("parts/notice.html", context={"notice": sentence})
        return reader.done(sentence, back)

    @get("/live", opt={"exclude_from_csrf": True})
    async def live(self, reader: ReaderDep, ids: FromQuery[str] = "") -> ServerSentEvent:
        """Rows of these sources whenever they change, and the counts of all."""
        shown = set(_numbers(ids.split(",")))

        async def events() -> AsyncIterator[dict[str, Any]]:
            async for board, changed in changes(reader, shown):
                ready = reader.part("parts/ready.html", ready=await reader.boards.ready(reader.services))
                yield {"event": "counts", "data": reader.part("parts/counts.html", counts=board.counts) + ready}
                rows = await rows_of(reader, changed, anew=True)
                for entry in changed:
                    yield {"event": "row", "data": reader.part("parts/row.html", row=rows[entry.line.id])}

        return ServerSentEvent(events(), headers={"Cache-Control": "no-store"}, retry_duration=3000)


async def rows_of(reader: Reader, entries: Sequence[Entry], *, anew: bool = False) -> dict[int, Row]:
    """What the rows of these sources show, by the source's id."""
    if not entries:
        return {}
    ids = list(dict.fromkeys(entry.line.id for entry in entries))
    board = await reader.board()
    async with reader.services.sessions() as session:
        checks = await newest_checks(session, ids)
    shares = await reader.boards.uptimes(reader.services, ids, board.at, anew=anew)
    return {
        entry.line.id: Row(entry, bar(checks[entry.line.id]), spark(checks[entry.line.id]), shares[entry.line.id])
        for entry in entries
    }


def wanted_by(query: dict[str, str]) -> Wanted:
    """What the address of the list asks for; what it cannot mean is left out, as from an old bookmark."""
    sort: Any = query.get("sort")
    state, kind = query.get("state", ""), query.get("type", "")
    page = query.get("page", "1")
    return Wanted(
        q=query.get("q", "")[:200],
        state=state if state in GLANCES else "",
        type=kind if kind in DATABASES else "",
        tag=query.get("tag", "")[:200],
        sort=sort if sort in get_args(Sort) else "attention",
        group="tag" if query.get("group") == "tag" else "",
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )


def _shown(arranged: Arranged) -> list[Entry]:
    return [entry for group in arranged.groups for entry in group.entries]


def _numbers(texts: Sequence[Any]) -> list[int]:
    return [int(text) for text in texts if str(text).isascii() and str(text).isdigit() and len(str(text)) < 19]


async def _ask_for(reader: Reader, ids: Sequence[int]) -> str:
    """Ask for a test of each; answers a sentence about how that went."""
    if not ids:
        return "Select a source first."
    room = asyncio.Semaphore(AT_ONCE)
    refusals: list[str] = []

    async def ask(source_id: int) -> None:
        async with room, reader.services.sessions() as session:
            try:
                await _ask_for_one(reader, session, source_id)
            except Problem as problem:
                refusals.append(problem.sentence)

    await asyncio.gather(*(ask(source_id) for source_id in ids))
    await reader.board(anew=True)
    asked = len(ids) - len(refusals)
    sentence = f"Requested {asked} test{'' if asked == 1 else 's'}."
    return f"{sentence} Refused {len(refusals)}: {'; '.join(dict.fromkeys(refusals))}." if refusals else sentence


async def _ask_for_one(reader: Reader, session: Session, source_id: int) -> None:
    source = await lock_source_for_test(session, reader.member, source_id)
    await reader.services.submitter.accept(session, reader.member, source, TestRequest(), KindOfTest.asynchronous)
