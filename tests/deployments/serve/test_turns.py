"""Many requests at once: a few of them begin in each turn of the event loop, in their order."""

import asyncio
from collections import Counter
from typing import Any

from deployments.serve.turns import InTurns

PER_TURN = 4
MANY = 50


class Loop:
    """Counts the turns of the event loop while it is open."""

    turn = 0

    async def __aenter__(self) -> "Loop":
        self._task = asyncio.create_task(self._count())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _count(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)


class Begun:
    """An application that notes which requests it was given, and in which turn."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.turns: list[tuple[str, int]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.turns.append((scope.get("path", scope["type"]), self._loop.turn))


async def _nothing(*_: object) -> Any:
    """Neither is used."""


async def _ask(app: InTurns, path: str, kind: str = "http") -> None:
    await app({"type": kind, "path": path}, _nothing, _nothing)


async def test_a_turn_begins_a_few_requests() -> None:
    """All of them begin, in the order in which they came."""
    async with Loop() as loop:
        begun = Begun(loop)
        app = InTurns(begun, PER_TURN)
        await asyncio.gather(*(_ask(app, str(number)) for number in range(MANY)))
    assert [path for path, _ in begun.turns] == [str(number) for number in range(MANY)]
    assert max(Counter(turn for _, turn in begun.turns).values()) <= PER_TURN


async def test_requests_that_ask_again_at_once_hold_up_nothing_else() -> None:
    """What takes several turns, as a query does, is done before every client has been answered once."""
    async with Loop() as loop:
        begun = Begun(loop)
        app = InTurns(begun, PER_TURN)

        async def other_work() -> int:
            for _ in range(5):
                await asyncio.sleep(0)
            return len(begun.turns)

        asked = [asyncio.create_task(_ask(app, str(number))) for number in range(MANY)]
        assert await other_work() < MANY
        await asyncio.gather(*asked)


async def test_a_request_alone_waits_for_nothing() -> None:
    """It begins in the turn in which it came; so does the next one in another turn."""
    async with Loop() as loop:
        begun = Begun(loop)
        app = InTurns(begun, per_turn=1)
        for number in range(3):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            came = loop.turn
            await _ask(app, str(number))
            assert begun.turns[-1] == (str(number), came)


async def test_a_request_that_is_cancelled_takes_no_place() -> None:
    """Those behind it begin as if it had never come."""
    async with Loop() as loop:
        begun = Begun(loop)
        app = InTurns(begun, per_turn=1)
        asked = [asyncio.create_task(_ask(app, str(number))) for number in range(4)]
        await asyncio.sleep(0)
        asked[1].cancel()
        asked[2].cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    assert [path for path, _ in begun.turns] == ["0", "3"]


async def test_websockets_and_the_start_do_not_wait() -> None:
    """They are no requests that a client repeats without a pause."""
    async with Loop() as loop:
        begun = Begun(loop)
        app = InTurns(begun, per_turn=1)
        await asyncio.gather(_ask(app, "first"), _ask(app, "", "lifespan"), _ask(app, "second"))
    assert [path for path, _ in begun.turns] == ["first", "", "second"]
