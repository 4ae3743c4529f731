"""What the connection step says of TLS, whatever the type of the source."""

from typing import Any

import msgspec
import pytest

from datasources.databases.base import Identity
from datasources.databases.duckdb.model import DuckdbOptions, DuckdbSource
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.model.source import Source, Via
from datasources.network.tls import MODES, WARNINGS, Verification
from tasks.steps.connection import warning_of
from tests.datasources.databases.contract import check_of

SERVER = PgSource(name="x", options=PgOptions(host="h", user="u", dbname="d"))
FILE = DuckdbSource(name="x", options=DuckdbOptions(path="x.duckdb"))


def identity(verified: Verification | None) -> Identity:
    return Identity(user="u", database="d", address="h", tls=verified is not None, tls_verified=verified)


@pytest.mark.parametrize(
    ("source", "verified", "words"),
    [
        (SERVER, "full", None),
        (SERVER, "ca", "the certificate's authority"),
        (SERVER, "none", "was not verified"),
        (SERVER, None, "not encrypted"),
        (
            msgspec.structs.replace(SERVER, via=Via("127.0.0.1", 1)),
            None,
            "Behind the SSH gateway: The connection is not",
        ),
        (msgspec.structs.replace(SERVER, via=Via("127.0.0.1", 1)), "full", None),
        (FILE, None, None),
    ],
)
def test_what_is_told(source: Source, verified: Verification | None, words: str | None) -> None:
    """Nothing of a server that was verified in full, and of a file; else a sentence that says what is missing."""
    told: dict[str, Any] = warning_of(check_of(source), identity(verified))
    assert set(told) == ({"warning"} if words else set())
    assert (words or "") in told.get("warning", "")


def test_every_mode_of_the_options_is_known() -> None:
    """What a word of the options means has one place, and a sentence for each meaning."""
    assert {*MODES.values()} == {"full", "ca", "none", None} == {*WARNINGS}


def test_a_type_says_what_it_verifies() -> None:
    """Without it, there is no identity."""
    with pytest.raises(TypeError, match="tls_verified"):
        Identity(user="u", database="d", address="h", tls=True)  # type: ignore[call-arg]
