"""Requests go where the policy lets them, and nowhere else."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from datasources.databases.flood import Flood
from datasources.databases.trino import Trino
from datasources.databases.trino.model import TrinoOptions, TrinoSource
from datasources.databases.warehouse.http import way_of
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from tests.doubles.serving import serving
from tests.fixtures.servers.database import PASSWORD, free_port


class Server(ThreadingHTTPServer):
    """A server that notes what it is asked."""

    asked: list[tuple[str, str]]


class Handler(BaseHTTPRequestHandler):
    """Redirects, floods, or says who is meant."""

    server: Server

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(302 if self.path != "/flood" else 200)
        body = b"x" * (2**20 if self.path == "/flood" else 3)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """It answers on the loopback."""
    made = Server(("127.0.0.1", 0), Handler)
    made.asked = []
    with serving(made):
        yield made


def source_at(port: int, host: str = "127.0.0.1") -> TrinoSource:
    options = TrinoOptions(host=host, port=port, user="reader", dbname="lake", tls=False)
    return TrinoSource(name="x", connection_timeout=5, options=options)


async def test_redirects_are_not_followed(server: Server) -> None:
    """A source's password goes to its own server only."""
    with pytest.raises(SourceUnreachable) as caught:
        async with Trino.connect(source_at(server.server_address[1])):
            pass
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR
    assert "redirect" in caught.value.message
    assert "/elsewhere" not in [path for path, _ in server.asked]


async def test_proxies_of_the_environment_are_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything else that the worker's environment would lend."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with way_of(source_at(server.server_address[1])) as way:
        answer = await way.call("GET", f"http://127.0.0.1:{server.server_address[1]}/x")
    assert answer.status == 302


async def test_every_host_is_judged(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is not the source's own; the connection goes to the address, and the name is said."""
    port = server.server_address[1]
    async with way_of(source_at(port, "localhost")) as way:
        await way.call("GET", f"http://localhost:{port}/x")
        monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")
        with pytest.raises(SourceUnreachable) as caught:
            await way.call("GET", f"http://127.0.0.1:{port}/y")
    assert caught.value.code is ErrorCode.DESTINATION_FORBIDDEN
    assert server.asked == [("/x", f"localhost:{port}")]


async def test_a_flood_is_cut(server: Server) -> None:
    """No more than allowed is kept (security row 16)."""
    async with way_of(source_at(server.server_address[1])) as way:
        with pytest.raises(Flood):
            await way.call("GET", f"http://127.0.0.1:{server.server_address[1]}/flood", most=1000)


def test_no_header_is_smuggled_in() -> None:
    """A line end in a user, a password or a token would begin another header (security row 3)."""
    for field in ("user", "password", "dbname"):
        with pytest.raises(ValueError, match=field):
            import msgspec

            given = {"host": "h", "user": "u", "dbname": "d"} | {field: f"{PASSWORD}\nX-Trino-User: admin"}
            msgspec.convert(given, TrinoOptions)
