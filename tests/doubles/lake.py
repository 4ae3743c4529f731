"""A lake of tables in DuckDB, for doubles of products that have no engine here: their SQL is translated by sqlglot.

`shop` has two tables and two views, `scratch` can be written to, and in `locked` nobody may make anything.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

CATALOG = "lake"
SHOP = f"""
ATTACH ':memory:' AS {CATALOG}; USE {CATALOG};
CREATE SCHEMA shop; CREATE SCHEMA scratch; CREATE SCHEMA locked;
CREATE TABLE shop.customer (id integer NOT NULL, name varchar NOT NULL DEFAULT 'unknown');
CREATE TABLE shop.orders (id integer NOT NULL, customer_id integer, total decimal(10, 2));
COMMENT ON TABLE shop.orders IS 'What was bought';
COMMENT ON COLUMN shop.orders.total IS 'In euros';
CREATE VIEW shop.totals AS SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY customer_id;
CREATE VIEW shop.best AS
    SELECT c.name, t.total FROM shop.totals AS t JOIN shop.customer AS c ON c.id = t.customer_id;
"""
PAGE = 1000


class Failed(Exception):
    """A statement is refused: by which kind of error, and the sentence."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message


class Lake:
    """Statements of a dialect, run in DuckDB. Kinds of `Failed`: syntax, table, schema, permission, write, other."""

    def __init__(
        self, dialect: str, more: str = "", rewrite: Callable[[exp.Expression], exp.Expression] | None = None
    ) -> None:
        self._dialect = dialect
        self._rewrite = rewrite
        self._database = duckdb.connect(config={"enable_external_access": "false"})
        self._database.execute(SHOP)
        if more:
            self._database.execute(more)
        self.running: dict[str, tuple[str, duckdb.DuckDBPyConnection]] = {}
        """Statements under way, by id."""
        self.asked: list[str] = []
        """Every statement that a client sent."""
        self._lock = threading.Lock()

    def admin(self, *statements: str) -> list[list[tuple[Any, ...]]]:
        """Statements of DuckDB's own, with all rights."""
        return [self._cursor().execute(statement).fetchall() for statement in statements]

    def parse(self, sql: str) -> exp.Expression:
        """The one statement of a text."""
        try:
            found = sqlglot.parse(sql, dialect=self._dialect)
        except SqlglotError as error:
            raise Failed("syntax", str(error).partition("\n")[0]) from error
        if len(found) != 1 or found[0] is None or isinstance(found[0], exp.Command | exp.Alias | exp.Column):
            raise Failed("syntax", "mismatched input: one statement was expected")
        return found[0]

    @contextmanager
    def run(
        self, sql: str, name: str, *, writes: bool = True
    ) -> Iterator[tuple[list[tuple[str, str]], Iterator[list[Any]]]]:
        """Names and types of the columns, and the rows as they come."""
        self.asked.append(sql)
        tree = self.parse(sql)
        if not isinstance(tree, exp.Query) and not writes:
            raise Failed("write", "Cannot execute write in a read-only transaction")
        target = tree.find(exp.Table)
        if isinstance(tree, exp.Create) and target is not None and target.db == "locked":
            raise Failed("permission", f"Access Denied: Cannot create table {target.sql()}")
        if self._rewrite is not None:
            tree = tree.transform(self._rewrite)
        cursor = self._cursor()
        self.running[name] = sql, cursor
        try:
            try:
                cursor.execute(tree.sql(dialect="duckdb"))
                described = [(column[0], str(column[1])) for column in cursor.description or []]
                yield described, self._rows(cursor)
            except duckdb.Error as error:
                raise Failed(_kind(error), str(error).partition("\n")[0]) from error
        finally:
            self.running.pop(name, None)

    def interrupt(self, name: str) -> None:
        """End a statement that is under way."""
        if found := self.running.get(name):
            found[1].interrupt()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            cursor = self._database.cursor()
            cursor.execute(f"USE {CATALOG}")
            return cursor

    @staticmethod
    def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[Any]]:
        while rows := cursor.fetchmany(PAGE):
            yield from (list(row) for row in rows)


def _kind(error: duckdb.Error) -> str:
    text = str(error)
    if isinstance(error, duckdb.ParserException):
        return "syntax"
    if re.search(r"[Ss]chema .* does not exist", text):
        return "schema"
    if re.search(r"does not exist", text):
        return "table"
    if isinstance(error, duckdb.InterruptException):
        return "interrupted"
    return "other"
