"""Names as people write them into `temp_schema`, and texts as SQL has them."""

import re

PART = r'"((?:[^"]|"")+)"|([^".]+)'
NAME = re.compile(rf"(?:(?:{PART})\.)?(?:{PART})")


def split_schema(name: str) -> tuple[str | None, str]:
    """`database.schema` or `schema` as (database, schema); case counts, and a part with dots goes in double quotes.

    Raises `ValueError` for anything else (contract 2.7).
    """
    found = NAME.fullmatch(name.strip())
    if not found or not name.isprintable():
        raise ValueError("temp_schema must be `schema` or `database.schema`; quote a part that contains dots")
    database, schema = (_unquoted(*found.group(first, first + 1)) for first in (1, 3))
    return database, schema or ""


def _unquoted(quoted: str | None, plain: str | None) -> str | None:
    return quoted.replace('""', '"') if quoted is not None else plain


def literal(text: str) -> str:
    """A text as a constant, for products in which a backslash is no escape."""
    return "'" + text.replace("'", "''") + "'"
