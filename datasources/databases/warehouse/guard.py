"""What a product without read-only sessions is not sent: any text but one statement that reads, however it is read."""

import re
from itertools import product

from datasources.databases.read_only import Reading, judge
from datasources.databases.values import refuse_nul
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

WAYS_TO_READ = (
    re.compile(r"\\."),  # a backslash escapes in a text, as in Spark, BigQuery and Snowflake
    re.compile(r"//[^\n]*"),  # Snowflake's other comment
    re.compile(r"#[^\n]*"),  # BigQuery's
    re.compile(r"/\*.*?\*/", re.DOTALL),
)
"""What one product leaves out and another does not: the text has to read only in every way."""


def require_reading(sql: str) -> None:
    """Raises `CheckError` for what is no single statement that reads, in any product's way of reading it."""
    refuse_nul(sql)
    for taken in product((False, True), repeat=len(WAYS_TO_READ)):
        text = sql
        for out, pattern in zip(taken, WAYS_TO_READ, strict=True):
            text = pattern.sub(" ", text) if out else text
        if judge(text) is not Reading.reads:
            message = "Use a single statement that only reads"
            raise CheckError(ErrorCode.QUERY_NOT_READ_ONLY, message, {"stage": "query"})
