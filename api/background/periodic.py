"""What a process does again and again beside its requests."""

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import ClassVar, Self

from sqlalchemy.exc import SQLAlchemyError

from api.prefect.client import Unreachable


class PeriodicTask(ABC):
    """One loop a process, for the length of a context. What fails is logged, and tried again the next time."""

    name: ClassVar[str]
    failure: ClassVar[str]
    """What to log when it fails, as the beginning of a sentence."""
    every_seconds: float
    """How long it rests between two times."""
    first_seconds: ClassVar[float] = 0.0
    """How long it waits after the start of the process."""
    _task: asyncio.Task[None] | None = None

    @abstractmethod
    async def once(self) -> None:
        """Do it."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._repeat(), name=self.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _repeat(self) -> None:
        logger = logging.getLogger(f"sourcecheck.{self.name}")
        await asyncio.sleep(self.first_seconds)
        while True:
            try:
                await self.once()
            except (*Unreachable, SQLAlchemyError) as error:
                logger.warning("%s: %s", self.failure, type(error).__name__)
            except Exception:
                logger.exception("%s", self.failure)
            await asyncio.sleep(self.every_seconds)
