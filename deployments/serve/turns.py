"""Spreads requests that arrive together: uvicorn would begin them all in one turn of the event loop."""

import asyncio
from collections import deque

from deployments.serve.hosts import App, Message, Receive, Send

REQUESTS_PER_TURN = 16
"""How many requests one turn of the event loop begins: a few milliseconds of work."""


class InTurns:
    """ASGI middleware that passes on only a few requests in each turn of the event loop.

    A thousand answers in one turn take a third of a second. Work that needs several turns, such as a query of the
    catalogue or a request to Prefect, would then take seconds.
    """

    def __init__(self, app: App, per_turn: int = REQUESTS_PER_TURN) -> None:
        self._app = app
        self._per_turn = per_turn
        self._begun = 0
        """How many requests this turn has begun."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._counting = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Begin the request at once, or after those that arrived before it."""
        if scope["type"] == "http":
            await self._turn()
        await self._app(scope, receive, send)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._counting:
            self._counting = True
            loop.call_soon(self._next)
        if self._begun < self._per_turn:
            self._begun += 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self) -> None:
        """Begin the next turn with the requests that wait."""
        self._begun = 0
        while self._waiting and self._begun < self._per_turn:
            turn = self._waiting.popleft()
            if not turn.done():  # its task may have been cancelled
                turn.set_result(None)
                self._begun += 1
        self._counting = self._begun > 0
        if self._counting:
            asyncio.get_running_loop().call_soon(self._next)
