"""Lineage around one table as a picture: what it is made from at the left, what is made from it at the right."""

from collections import defaultdict
from urllib.parse import urlencode

from msgspec import Struct

from datasources.catalogue.schemas.reading.graph import Graph
from datasources.databases.base import TableName

BOX, HEIGHT = 200, 34
GAP_X, GAP_Y = 72, 12
MARGIN = 8
LONGEST = 26
"""Characters of a name that fit into a box."""
MOST_BOXES = 40
"""Tables of one step that are drawn; the page names all of them."""


class Box(Struct, frozen=True):
    """One table."""

    x: int
    y: int
    schema: str
    name: str
    short: str
    address: str
    is_root: bool


class Arrow(Struct, frozen=True):
    """From what is read to what reads it."""

    path: str
    title: str
    origin: str


class Picture(Struct, frozen=True):
    """Boxes and arrows."""

    boxes: list[Box]
    arrows: list[Arrow]
    width: int
    height: int
    left_out: int
    """Tables that are not drawn."""


def picture(graph: Graph, root: TableName, source_id: int) -> Picture:
    """The graph by its steps from the root, each step a column in the order of names."""
    columns: dict[int, list[TableName]] = defaultdict(list)
    for name in sorted(graph.depth):
        columns[graph.depth[name]].append(name)
    left_out = sum(max(0, len(names) - MOST_BOXES) for names in columns.values())
    shown = {step: names[:MOST_BOXES] for step, names in sorted(columns.items())}
    tallest = max(len(names) for names in shown.values())
    height = tallest * (HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    places: dict[TableName, tuple[int, int]] = {}
    for number, names in enumerate(shown.values()):
        top = (height - len(names) * (HEIGHT + GAP_Y) + GAP_Y) // 2
        places |= {
            name: (MARGIN + number * (BOX + GAP_X), top + row * (HEIGHT + GAP_Y)) for row, name in enumerate(names)
        }
    arrows = [
        Arrow(
            _curve(places[edge.source], places[edge.target]),
            f"{edge.target} reads {', '.join(edge.columns[:8]) or 'columns'} of {edge.source}",
            str(edge.origin),
        )
        for edge in graph.edges
        if edge.source in places and edge.target in places
    ]
    width = len(shown) * (BOX + GAP_X) - GAP_X + 2 * MARGIN
    boxes = [_box(name, place, root, source_id) for name, place in places.items()]
    return Picture(boxes, arrows, width, height, left_out)


def address_of(source_id: int, name: TableName) -> str:
    """The page of a table."""
    return f"/sources/{source_id}/schema/table?{urlencode({'schema': name.schema, 'name': name.name})}"


def _box(name: TableName, place: tuple[int, int], root: TableName, source_id: int) -> Box:
    short = name.name if len(name.name) <= LONGEST else f"{name.name[: LONGEST - 1]}…"
    return Box(*place, name.schema, name.name, short, address_of(source_id, name), name == root)


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = start[0] + BOX, start[1] + HEIGHT // 2
    x2, y2 = end[0], end[1] + HEIGHT // 2
    bend = max(GAP_X // 2, abs(x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
