"""What a product without read-only sessions is not sent: any text but one statement that reads, however it is read."""

import re
from collections.abc import Iterator
from itertools import product

from datasources.databases.read_only import Reading, bare, judge
from datasources.databases.values import no_reading, refuse_nul
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

WAYS_TO_READ = (
    re.compile(r"\\."),  # a backslash escapes in a text, as in Spark, BigQuery and Snowflake
    re.compile(r"//[^\n]*"),  # Snowflake's other comment
    re.compile(r"#[^\n]*"),  # BigQuery's
    re.compile(r"/\*.*?\*/", re.DOTALL),
)
"""What one product leaves out and another does not: the text has to read only in every way."""
_STATEMENTS = """
alter backup call cancel create deallocate drop exec execute export grant import kill merge pause prepare put remove
restore resume revoke truncate unload upsert
"""
NESTED = re.compile(
    rf"[(\[]\s*(?:{'|'.join(_STATEMENTS.split())})\s+"
    r"(?!(?:and|as|at|between|collate|desc|asc|from|ilike|in|is|like|not|or|order|over|then|when)\b)\w",
    re.IGNORECASE,
)
"""A statement in brackets, which CockroachDB runs in FROM, and which Teradata hands on to another server."""
SEQUENCES = re.compile(r"\bnextval\b|\bnext\s+value\s+for\b", re.IGNORECASE)
"""They move a sequence on, and no rollback moves it back."""
EXTERNAL = re.compile(r"\bexternal\b", re.IGNORECASE)
"""A table that is a file of the server's machine, named in the query itself."""
CALL = re.compile(r"\b(?:(\w+)\s*\.\s*)?(\w+)\s*\(")


def require_reading(sql: str) -> None:
    """Raises `CheckError` for what is no single statement that reads, in any product's way of reading it."""
    refuse_nul(sql)
    for text in _readings(sql):
        if judge(text) is not Reading.reads:
            raise no_reading()
        shown = bare(text)
        if NESTED.search(shown) or SEQUENCES.search(shown):
            raise no_reading()


def refuse_calls(sql: str, refused: re.Pattern[str]) -> None:
    """Raises `CheckError` for a call of a function that is matched: by `name`, or by `schema.name`."""
    for text in _readings(sql):
        for schema, name in CALL.findall(bare(text)):
            if refused.fullmatch(f"{schema}.{name}" if schema else name):
                message = f"The function {name} does more than read: a test query cannot call it"
                raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query"})


def refuse_files(sql: str, named: re.Pattern[str] = EXTERNAL) -> None:
    """Raises `CheckError` for a query that names a file as a table."""
    for text in _readings(sql):
        if named.search(bare(text)):
            message = "An external table in a query reads a file: a test query cannot have one"
            raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query"})


def _readings(sql: str) -> Iterator[str]:
    for taken in product((False, True), repeat=len(WAYS_TO_READ)):
        text = sql
        for out, pattern in zip(taken, WAYS_TO_READ, strict=True):
            text = pattern.sub(" ", text) if out else text
        yield text
