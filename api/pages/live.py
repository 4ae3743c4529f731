"""What changes while a person looks, told by server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from datetime import timedelta

from api.pages.board import FRESH_SECONDS, Board, Entry
from api.pages.rendering import Reader
from api.pages.session import member_in

LATELY = timedelta(minutes=1)
LIFE_SECONDS = 300.0
"""After so long the browser connects anew."""
SESSION_SECONDS = 5.0
"""How often an open page has its session looked at again (docs/security.md, row 27)."""


class Stream:
    """One open page that is told what changes, for as long as its reader may see it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._until = time.monotonic() + LIFE_SECONDS
        self._looked = time.monotonic()

    async def goes_on(self) -> bool:
        """Whether there is more to tell: the session may be over meanwhile, or its key revoked."""
        now = time.monotonic()
        if now >= self._until:
            return False
        if now - self._looked < SESSION_SECONDS:
            return True
        self._looked = now
        member = await member_in(self._reader.services, self._reader.request.auth)
        return member is not None and member.organization_id == self._reader.member.organization_id


async def changes(reader: Reader, ids: Collection[int]) -> AsyncIterator[tuple[Board, list[Entry]]]:
    """The board, and which of these sources look otherwise than before.

    The first time these are the ones that may have changed since the page was made.
    """
    stream = Stream(reader)
    marks: dict[int, tuple[object, ...]] | None = None
    heading: tuple[object, ...] | None = None
    while await stream.goes_on():
        board = await reader.board()
        entries = [entry for entry in board.entries if entry.line.id in ids]
        if marks is None:
            changed = [entry for entry in entries if _moves(entry, board)]
        else:
            changed = [entry for entry in entries if marks.get(entry.line.id) != entry.mark]
        marks = {entry.line.id: entry.mark for entry in entries}
        head = (board.counts, await reader.boards.ready(reader.services))
        if changed or heading != head:
            heading = head
            yield board, changed
        await asyncio.sleep(FRESH_SECONDS)


def _moves(entry: Entry, board: Board) -> bool:
    tested = entry.line.last_tested_at
    return entry.test is not None or (tested is not None and board.at - tested < LATELY)
