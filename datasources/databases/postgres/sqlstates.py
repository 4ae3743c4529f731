"""SQLSTATEs of errors at login, which libpq keeps to itself unless asked for verbose messages."""

import re
from collections.abc import Sequence

from psycopg import pq

from datasources.databases.postgres.libpq import address_of, libpq

DEFAULT, VERBOSE = 1, 2
"""libpq's PGVerbosity."""
SERVER_SAID = re.compile(r"^[^\s:]+:  (?:([0-9A-Z]{5}): )?(.*)$")
"""Severity (translated, as the text is), SQLSTATE, text."""


def verbose(connection: pq.abc.PGconn, level: int) -> None:
    """Have libpq put the SQLSTATE into its messages; nothing happens where its library cannot be called."""
    library = libpq()
    if library is not None:
        library.PQsetErrorVerbosity(address_of(connection), level)


def refusals_in(lines: Sequence[str]) -> list[tuple[str | None, str]]:
    """SQLSTATE and sentence of each refusal of the server in these lines; none when libpq itself is speaking.

    In verbose messages, DETAIL, HINT and LOCATION look like the sentence, but for the SQLSTATE; without any SQLSTATE
    the first line is the sentence.
    """
    spoken = [(found[1], found[2]) for line in lines if (found := SERVER_SAID.match(line))]
    return [said for said in spoken if said[0] is not None] or spoken[:1]
