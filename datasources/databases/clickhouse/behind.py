"""What a statement has read, by the server's list of all tables that it has touched: those behind views among them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from datasources.databases.base import LineageEdge, TableName
from datasources.databases.clickhouse.catalog import NAME, Row, unquoted

MEMBER = re.compile(rf"{NAME}\.{NAME}", re.DOTALL)


class Behind:
    """What views read, and what materialized ones fill."""

    def __init__(self, members: Sequence[Row], edges: Iterable[LineageEdge]) -> None:
        engines = {TableName(row[0], row[1]): row[2] for row in members}
        self._there = frozenset(engines)
        self._materialized = frozenset(name for name, engine in engines.items() if engine == "MaterializedView")
        self._read = defaultdict[TableName, set[TableName]](set)
        self._fills = defaultdict[TableName, set[TableName]](set)
        self._feeds = defaultdict[TableName, set[TableName]](set)
        """The materialized views that read a table: what is written to it is written to them."""
        for edge in edges:
            if edge.source in self._materialized and engines.get(edge.target) not in ("View", "MaterializedView"):
                self._fills[edge.source].add(edge.target)
            elif edge.target in self._materialized:
                self._feeds[edge.source].add(edge.target)
            else:
                self._read[edge.target].add(edge.source)

    def pairs(self, listed: Iterable[str], target: TableName) -> set[tuple[TableName, TableName]]:
        """What a statement that writes `target` has made it from, by the server's list for it."""
        touched = {name for name in _members(listed) if name in self._there}
        behind = {other for name in touched for other in (*self._read[name], *self._fills[name])}
        read = touched - behind - self._written(target) if target in self._there else set[TableName]()
        return {(source, target) for source in read}

    def _written(self, target: TableName) -> set[TableName]:
        """What is written with it."""
        found, more = {target}, {target}
        while more:
            fed = {view for name in more for view in self._feeds[name]}
            more = (fed | {name for view in fed for name in self._fills[view]}) - found
            found |= more
        return found


def _members(listed: Iterable[str]) -> Iterator[TableName]:
    for text in listed:
        if found := MEMBER.fullmatch(text):
            yield TableName(unquoted(found[1]), unquoted(found[2]))
