"""Servers that are hostile, tested through the API: the verdict names them, and whoever comes next notices nothing."""

from collections.abc import Iterable

import httpx

from tests.acceptance.kit import IMMEDIATE, SOURCES, finished, options, register, results, statuses, unique
from tests.doubles.postgres import DONE, TEXT, Script, answer, described, refusal, row, serving
from tests.fixtures.servers.database import Server


class Fed(Script):
    """Sends megabytes as the answer to who we are."""

    def answer(self, sql: str) -> Iterable[bytes]:
        """Rows of 12 kB, 400 MB of them."""
        if "current_database()" not in sql:
            return super().answer(sql)
        return [described(TEXT), *[row(b"x" * 12_000)] * 33_000, DONE]


class Wide(Script):
    """Has as many edges and columns as it can, and a name that directs a terminal."""

    def answer(self, sql: str) -> Iterable[bytes]:
        """Half a megabyte for each of its 100 edges; no other step finds anything."""
        if "current_database()" in sql:
            return [answer("red\x1b[31m", "postgres")]
        if "FETCH" in sql:
            return [refusal("no \x1b[2Jtables\u202e here", "42501")]
        if "ev_type" in sql:
            columns = b"[" + b",".join([b'"' + b"c" * 300 + b'"'] * 1600) + b"]"
            return [described(*[TEXT] * 5), *[row("s", "t", "s", f"v{number}", columns) for number in range(100)], DONE]
        return super().answer(sql)


def test_a_flood_names_the_server(admin: httpx.Client, embedded: Server, good_source: int) -> None:
    """The connection says so, at once; the processes that had it go on as before."""
    with serving(Fed) as port:
        flooding = register(admin, unique("a flood"), options(embedded, port=port))
        for _ in range(3):
            found = finished(admin, flooding)
            assert (found["status"], statuses(found)["connection"]) == ("failed", "done")
            verdict = results(found)["connection"]
            assert verdict["error_code"] == "PROTOCOL_ERROR"
            assert verdict["details"]["received_bytes"] < 100 * 2**20
    for _ in range(3):
        assert finished(admin, good_source)["status"] == "done"


def test_details_stay_small_and_readable(admin: httpx.Client, embedded: Server) -> None:
    """Of 50 MB of lineage, what can be read; nothing in it obeys a server; lists do without."""
    with serving(Wide) as port:
        source = register(admin, unique("wide"), options(embedded, port=port))
        found = results(finished(admin, source))
    assert found["connection"]["details"]["user"] == r"red\x1b[31m"
    assert found["schema_download"]["message"] == r"no \x1b[2Jtables\u202e here"
    assert found["lineage_download"]["code"] == "OK", found["lineage_download"]
    details = found["lineage_download"]["details"]
    assert (details["edge_count"], details["edges"][0]["column_count"]) == (100, 1600)
    assert details["cut"]["edges"] == 100
    assert len(str(details)) < 100_000
    for path in (SOURCES, IMMEDIATE):
        assert "column_count" not in admin.get(path, params={"page_size": 100}).text
    assert any(item["id"] == source and item["last_test"]["results"] for item in admin.get(SOURCES).json())
