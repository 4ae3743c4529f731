"""Errors of Athena's queries as ours, by the names that Trino gives and by Athena's own words."""

import re

from datasources.databases.trino.errors import CODES as OF_TRINO
from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode

NAME = re.compile(r"^(?:FAILED: )?([A-Z][A-Z_]+)\b:?")
"""Athena 3 is Trino: a failed query begins with Trino's name of the error."""
PERMISSION = ("insufficient permissions", "access denied", "not authorized", "accessdenied")
MISSING = ("database does not exist", "schema does not exist", "databases not found")


def failed_query(state: str, reason: str) -> Refused:
    """What a query means that has not succeeded."""
    found = NAME.match(reason)
    name = found[1] if found else ""
    lower = reason.lower()
    code = OF_TRINO.get(name, ErrorCode.QUERY_ERROR)
    if state == "CANCELLED":
        code = ErrorCode.TIMEOUT
    elif any(words in lower for words in PERMISSION):
        code = ErrorCode.PERMISSION_DENIED
    elif any(words in lower for words in MISSING):
        code = ErrorCode.SCHEMA_NOT_FOUND
    return Refused(code, reason or f"The query ended as {state}", {"athena_error": name or None, "state": state})
