"""What changes while a person looks, told by server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from datetime import timedelta

from api.pages.board import FRESH_SECONDS, Board, Entry
from api.pages.rendering import Reader

LATELY = timedelta(minutes=1)
LIFE_SECONDS = 300.0
"""After so long the browser connects anew, and shows that its session still holds."""


async def changes(reader: Reader, ids: Collection[int]) -> AsyncIterator[tuple[Board, list[Entry]]]:
    """The board, and which of these sources look otherwise than before.

    The first time these are the ones that may have changed since the page was made.
    """
    until = time.monotonic() + LIFE_SECONDS
    marks: dict[int, tuple[object, ...]] | None = None
    heading: tuple[object, ...] | None = None
    while time.monotonic() < until:
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
