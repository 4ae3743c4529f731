"""The children's logs stay bounded: a file that has grown is put aside while its program goes on writing into it."""

import asyncio
import logging
import os
import shutil
from itertools import pairwise
from pathlib import Path

LOOK_EVERY_SECONDS = 10.0
"""At 1,000 lines a second, some megabytes beyond the bound."""
MEGABYTE = 1024 * 1024

logger = logging.getLogger("sourcecheck.stack")


async def keep_bounded(folder: Path, most_megabytes: int, keep: int) -> None:
    """Look at every log of a folder now and then, for as long as this is not cancelled."""
    while True:
        await asyncio.to_thread(rotate_all, folder, most_megabytes * MEGABYTE, keep)
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def rotate_all(folder: Path, most_bytes: int, keep: int) -> None:
    """Put aside each log that has grown. One that cannot be put aside, on a full disk, is left as it is."""
    for file in sorted(folder.glob("*.log")):
        try:
            rotate(file, most_bytes, keep)
        except OSError as error:
            logger.warning("%s cannot be put aside: %s", file, error.strerror)


def rotate(file: Path, most_bytes: int, keep: int) -> bool:
    """Put a log aside as `.log.1` when it has more bytes than this, the older ones one further; whether it did.

    Copied and then emptied: programs hold the file itself open, and append. A line that is written between the two
    moments is lost. What is beyond `keep` is removed.
    """
    if file.stat().st_size <= most_bytes:
        return False
    older = [file.with_suffix(f".log.{number}") for number in range(1, keep + 1)]
    for newer, place in reversed(list(pairwise(older))):
        if newer.exists():
            newer.replace(place)
    with (
        os.fdopen(os.open(older[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as aside,
        file.open("rb") as log,
    ):
        shutil.copyfileobj(log, aside)
    os.truncate(file, 0)
    return True
