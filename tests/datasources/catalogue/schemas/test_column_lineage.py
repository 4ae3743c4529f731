"""Texts of views that the API reads when a client asks for a graph: whose they may hold up."""

import asyncio

from datasources.catalogue.schemas.reading.column_lineage import turn_of


async def test_texts_of_one_organization_hold_up_no_other() -> None:
    """Texts that take their seconds are read one after the other, while those of others have a process (security row 12)."""
    read: list[str] = []

    async def ask(organization_id: int, name: str, over: asyncio.Event) -> None:
        async with turn_of(organization_id):
            await over.wait()
            read.append(name)

    late, at_once = asyncio.Event(), asyncio.Event()
    at_once.set()
    slow = [asyncio.create_task(ask(1, f"slow {number}", late)) for number in range(3)]
    await asyncio.sleep(0)
    await ask(2, "other", at_once)
    assert read == ["other"]
    late.set()
    await asyncio.gather(*slow)
    assert read[1:] == ["slow 0", "slow 1", "slow 2"]
