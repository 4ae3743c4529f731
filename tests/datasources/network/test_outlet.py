"""The proxy for drivers of HTTP: it leads to the hosts of the source, and nowhere else."""

import asyncio
from contextlib import suppress
from functools import partial

import httpx
import pytest

from datasources.databases.opening import place_of
from datasources.databases.trino.model import TrinoOptions, TrinoSource
from datasources.model.source import Via
from datasources.model.vocabulary import ErrorCode
from datasources.network.outlet import Hosts, Outlet, in_origin_form, open_outlet
from datasources.network.progress import Progress
from tests.datasources.network.test_way_out import echo, server


def outlet_to(*places: tuple[str, int], progress: Progress | None = None, **how: bool) -> Outlet:
    """One that leads to these places."""
    return Outlet(Hosts(frozenset(places)), progress or Progress(5), **how)


async def say(outlet: Outlet, head: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """What the outlet answers to this."""
    port = httpx.URL(outlet.url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode())
    return await reader.readline(), reader, writer


def connect(outlet: Outlet, place: str) -> str:
    """What a driver says that was told to use the outlet."""
    url = httpx.URL(outlet.url)
    proof = httpx.BasicAuth(url.username, url.password)
    request = next(proof.auth_flow(httpx.Request("GET", "http://x")))
    return f"CONNECT {place} HTTP/1.1\r\nProxy-Authorization: {request.headers['Authorization']}\r\n\r\n"


async def test_an_outlet_leads_to_the_source() -> None:
    """Bytes go both ways, and the stages of the connection are counted."""
    async with server(echo) as port:
        progress = Progress(5)
        async with open_outlet(outlet_to(("localhost", port), progress=progress)) as outlet:
            status, reader, writer = await say(outlet, connect(outlet, f"LOCALHOST:{port}"))
            assert status.startswith(b"HTTP/1.1 200")
            await reader.readline()
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            assert {*progress.stages_ms} == {"resolve", "tcp"}
            assert outlet.failure is None


async def test_an_outlet_leads_nowhere_else() -> None:
    """Another host, another port, a name of a metadata service, a plain request: each is refused, and told."""
    async with server(echo) as port, server(echo) as other:
        for place in (
            f"127.0.0.1:{other}",
            f"elsewhere.invalid:{port}",
            "169.254.169.254:80",
            f"127.0.0.1:{port}x",
            "",
        ):
            async with open_outlet(outlet_to(("127.0.0.1", port))) as outlet:
                status, *_ = await say(outlet, connect(outlet, place))
                assert status.startswith(b"HTTP/1.1 403"), place
                await outlet.failed.wait()
                assert outlet.failure is not None
                assert outlet.failure.code is ErrorCode.DESTINATION_FORBIDDEN


async def test_an_outlet_is_for_one_process() -> None:
    """Without what its address holds, it leads nowhere; and that is no failure of the driver's."""
    async with server(echo) as port, open_outlet(outlet_to(("127.0.0.1", port))) as outlet:
        for head in (
            f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n",
            f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\n\r\n",
        ):
            status, *_ = await say(outlet, head)
            assert status.startswith(b"HTTP/1.1 407")
        assert outlet.failure is None


async def test_the_policy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that the operator forbids is refused, whatever the driver makes of the name."""
    monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")
    async with server(echo) as port, open_outlet(outlet_to(("localhost", port))) as outlet:
        status, *_ = await say(outlet, connect(outlet, f"localhost:{port}"))
        assert status.startswith(b"HTTP/1.1 502")
        await outlet.failed.wait()
        assert outlet.failure is not None
        assert outlet.failure.code is ErrorCode.DESTINATION_FORBIDDEN


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("shop.example", 8443, True),
        ("shop.example", 443, False),
        ("other.example", 8443, False),
        ("bucket.storage.example", 443, True),
        ("bucket.storage.example", 80, True),
        ("bucket.storage.example", 22, False),
        ("storage.example", 443, False),
        ("evilstorage.example", 443, False),
        ("bucket.storage.example.evil", 443, False),
        ("", 443, False),
    ],
)
def test_the_one_rule(host: str, port: int, allowed: bool) -> None:
    """Places of the source at their ports; other hosts of the product by the ends of their names, at the web's ports."""
    assert Hosts(frozenset({("Shop.Example", 8443)}), (".storage.example",)).allow(host, port) is allowed
    assert not Hosts(frozenset()).allow(host, port)


async def test_another_host_of_the_product_is_judged_by_its_address() -> None:
    """A name that may be asked for leads nowhere that the policy forbids (security row 1)."""
    async with open_outlet(Outlet(Hosts(frozenset({("169.254.169.254", 80)})), Progress(5))) as outlet:
        status, *_ = await say(outlet, connect(outlet, "169.254.169.254:80"))
        assert status.startswith(b"HTTP/1.1 502")
        assert outlet.failure is not None
        assert outlet.failure.code is ErrorCode.DESTINATION_FORBIDDEN


async def test_a_source_behind_a_tunnel() -> None:
    """Its own host is at the near end of the tunnel; the driver goes on asking for it by its name."""
    options = TrinoOptions(host="inner.example", port=8080, user="u", dbname="d")
    async with server(echo) as port:
        source = TrinoSource(name="x", options=options, via=Via("127.0.0.1", port))
        hosts = Hosts(frozenset({options.target}))
        async with open_outlet(Outlet(hosts, Progress(5), place_of=partial(place_of, source))) as outlet:
            status, reader, writer = await say(outlet, connect(outlet, "inner.example:8080"))
            assert status.startswith(b"HTTP/1.1 200")
            await reader.readline()
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"


async def test_requests_without_tls_are_for_sources_without_it() -> None:
    """They are refused, unless the source has no TLS: then the server gets them as if they had come to it, without our key."""
    async with server(echo) as port:
        for plain in (False, True):
            async with open_outlet(outlet_to(("127.0.0.1", port), plain=plain)) as outlet:
                asked = connect(outlet, "x").replace("CONNECT x", f"GET http://127.0.0.1:{port}/v1?a=b")
                status, reader, writer = await say(outlet, asked)
                if not plain:
                    assert status.startswith(b"HTTP/1.1 403")
                    continue
                assert status == b"GET /v1?a=b HTTP/1.1\r\n"
                rest = await reader.readuntil(b"\r\n\r\n")
                assert outlet.password.encode() not in rest
                assert b"Connection: close" in rest
                writer.close()


def test_the_form_that_a_server_wants() -> None:
    """What was meant for the proxy is left out, and nothing else."""
    head = (
        b"POST http://h/x HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic x\r\nConnection: keep-alive\r\nA: b\r\n\r\n"
    )
    assert in_origin_form(head, "/x?a") == b"POST /x?a HTTP/1.1\r\nHost: h\r\nA: b\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "said", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n", b"CONNECT x\r\n\r\n", b"CONNECT [::x:1 H\r\n\r\n"]
)
async def test_what_is_no_request(said: bytes) -> None:
    """It is hung up on."""
    async with open_outlet(outlet_to(("127.0.0.1", 1))) as outlet:
        reader, writer = await asyncio.open_connection("127.0.0.1", outlet.port)
        writer.write(said)
        writer.write_eof()
        with suppress(ConnectionError):
            assert b" 200 " not in await reader.read()
        writer.close()
