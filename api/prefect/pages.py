"""Prefect answers long lists by the page."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PAGE = 200
"""The most that its server gives at once."""


async def all_pages(read: Callable[[int], Awaitable[list[T]]]) -> list[T]:
    """Everything there is; `read` gives the page of `PAGE` that begins at an offset."""
    found: list[T] = []
    while True:
        page = await read(len(found))
        found += page
        if len(page) < PAGE:
            return found
