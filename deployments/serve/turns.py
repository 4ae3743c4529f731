"""Many requests at the same moment: uvicorn would begin them all in one turn of the event loop."""

import asyncio
from collections import deque

from deployments.serve.hosts import App, Message, Receive, Send

REQUESTS_PER_TURN = 16
"""Requests that one turn of the event loop begins: some milliseconds' work."""


class InTurns:
    """An ASGI application in front of another one, which gets a few requests in each turn of the event loop.

    A thousand answers in one turn take a third of a second. Whatever needs several turns, such as a query of the
    catalogue or a request to Prefect, would take seconds meanwhile.
    """

    def __init__(self, app: App, per_turn: int = REQUESTS_PER_TURN) -> None:
        self._app = app
        self._per_turn = per_turn
        self._begun = 0
        """Requests of this turn."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._counting = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Begin at once, or behind those that came before."""
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
        """A turn is over."""
        self._begun = 0
        while self._waiting and self._begun < self._per_turn:
            turn = self._waiting.popleft()
            if not turn.done():  # its task may have been cancelled
                turn.set_result(None)
                self._begun += 1
        self._counting = self._begun > 0
        if self._counting:
            asyncio.get_running_loop().call_soon(self._next)
