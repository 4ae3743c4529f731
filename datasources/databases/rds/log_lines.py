"""Statements in the entries of a PostgreSQL log, as RDS writes them to CloudWatch by its `log_line_prefix`.

An entry is one event, in which the lines that follow the first begin with a tab:
`2026-11-26 07:00:00 UTC:10.0.0.5(5432):etl@shop:[77]:LOG:  statement: INSERT …`.
"""

import re

HEAD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [^\s:]+:")
"""`%t:` or `%m:`."""
HEAD_LENGTH = 1000
"""Characters within which the name of the database stands."""
OTHERS = "DETAIL|HINT|CONTEXT|QUERY|STATEMENT|LOCATION|NOTICE|WARNING|INFO|ERROR|FATAL|PANIC"
SAYS = re.compile(
    rf"\d+\]:(?:\d+:[0-9A-Z]{{5}}:(?:(?!(?:{OTHERS}):  )[^\n])*?:)?"
    r"LOG:  (?:duration: [\d.]+ ms  )?(?:statement|execute [^\n:]{1,200}): "
)
"""What follows `[`: `%p]:`, and where the prefix is the longer one, `%l:%e:%s:%v:%x:%c:%q%a:`."""
AGAIN = re.compile(rf"\]:(?:(?:LOG|{OTHERS}):  |\d+:[0-9A-Z]{{5}}:)")
"""The rest of a prefix, behind a statement. A client that cannot log in names a user and a database as well: such a
name may look like a prefix with a statement, but what the server writes behind the names follows it."""


class LogLines:
    """Entries about one database."""

    def __init__(self, database: str) -> None:
        self._named = f"@{database}:["

    def statement(self, entry: str) -> str | None:
        """The statement of an entry; None where it is none, or of another database."""
        head = HEAD.match(entry)
        at = entry.find(self._named, head.end(), HEAD_LENGTH) if head else -1
        found = SAYS.match(entry, at + len(self._named)) if at >= 0 else None
        if found is None or AGAIN.search(entry, found.end()):
            return None
        return entry[found.end() :].replace("\n\t", "\n").strip()
