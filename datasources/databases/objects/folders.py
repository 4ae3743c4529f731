"""Folders of objects in place of tables: an object store has no tables, and names of objects are all that is listed."""

from collections.abc import Iterable

from datasources.databases.base import Table
from datasources.databases.objects.store import Item
from datasources.databases.scratch import MARKED

MOST_OBJECTS = 50_000
"""That are listed; a bucket may have milliards."""
UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")


def tables_of(items: Iterable[Item]) -> list[Table]:
    """A folder for all objects that lie in it, a file for each that lies in none.

    Partitions (`day=2026-01-01/`) belong to the folder that has them. Objects of our own tests are left out.
    """
    sizes: dict[tuple[str, str, str], list[int]] = {}
    for item in items:
        place = place_of(item.name)
        if place is not None:
            sizes.setdefault((item.bucket, *place), []).append(item.size)
    return [
        Table(schema=bucket, name=name, kind=kind, columns=[], comment=_comment(found))
        for (bucket, kind, name), found in sorted(sizes.items())
    ]


def place_of(name: str) -> tuple[str, str] | None:
    """Kind and name of what an object belongs to; None for a placeholder of an empty folder, and for our own."""
    *folders, last = name.split("/")
    if not last or MARKED.fullmatch(last):
        return None
    for number, folder in enumerate(folders):
        if "=" in folder:
            folders = folders[:number]
            break
    return ("folder", "/".join(folders)) if any(folders) else ("file", name)


def _comment(sizes: list[int]) -> str:
    size, unit = float(sum(sizes)), 0
    while size >= 1000 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    word = "byte" if sum(sizes) == 1 else UNITS[unit]
    return f"{len(sizes)} object{'' if len(sizes) == 1 else 's'}, {size:.3g} {word}"
