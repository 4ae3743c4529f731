"""Under which names and for which pages our servers answer (security row 15)."""

import json
from typing import Any

import pytest

from api.wire.errors import body_of
from datasources.model.settings import Settings
from deployments.serve.hosts import Hosts, KnownHosts, Message, host_of

SENTENCE = "This server is not known under the host name of the request"
OPEN = Hosts(frozenset({"localhost", "checks.example", "*.inside.example"}), frozenset({"http://127.0.0.1:4200"}))


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8000", True),
        ("LOCALHOST:8000", True),
        ("localhost.", True),
        ("[::1]:8000", True),
        ("checks.example", True),
        ("a.inside.example:80", True),
        ("10.1.2.3:8000", True),
        ("10.1.2.4:8000", False),
        ("inside.example", False),
        ("evil.example", False),
        ("checks.example.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost:8000.evil.example", True),  # a port that is none: no browser resolves this to another machine
        ("2130706433", False),
        ("", False),
    ],
)
def test_names(host: str, known: bool) -> None:
    """This machine's own, those of the settings, and the address at which the request came in; 10.1.2.3 here."""
    assert (OPEN.refusal([(b"host", host.encode())], "10.1.2.3") is None) is known


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        ("http://127.0.0.1:4200", True),
        ("http://127.0.0.1:4201", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_pages(origin: str, welcome: bool) -> None:
    """The UI's own and no other, where that is told."""
    headers = [(b"host", b"localhost"), (b"origin", origin.encode())]
    assert (OPEN.refusal(headers, None) is None) is welcome
    assert Hosts(frozenset({"localhost"})).refusal(headers, None) is None


def test_every_header_counts() -> None:
    """A second `Host` does not hide behind a first."""
    assert OPEN.refusal([(b"host", b"localhost"), (b"host", b"evil.example")], None)


def test_the_names_of_the_api() -> None:
    """From the settings, whatever their case and spaces; a star is every name."""
    hosts = Hosts.of_api(Settings(api_host="10.0.0.7", allowed_hosts=" Checks.Example , "))
    assert {"localhost", "10.0.0.7", "checks.example"} <= hosts.names
    assert "" not in hosts.names
    assert Hosts.of_api(Settings(allowed_hosts="*")).refusal([(b"host", b"any.example")], None) is None


def test_the_host_of_a_header() -> None:
    """Without port, brackets and the root's dot."""
    found = {text: host_of(text) for text in ("a:1", "a.", "[::1]:80", "a.:80")}
    assert found == {"a:1": "a", "a.": "a", "[::1]:80": "::1", "a.:80": "a"}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/api/v1/data_sources", {"detail": SENTENCE}),
        ("/health/live", {"detail": SENTENCE}),
        (
            "/api/v1/data-sources/1",
            {"success": False, "data": None, "message": SENTENCE, "error_code": "FORBIDDEN"},
        ),
    ],
)
async def test_a_refusal_in_the_dialect_of_the_path(path: str, answer: dict[str, Any]) -> None:
    """Although the application never sees the request."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    guarded = KnownHosts(None, OPEN, body_of)
    scope = {"type": "http", "path": path, "headers": [(b"host", b"evil.example")], "server": ("10.1.2.3", 8000)}
    await guarded(scope, receive, send)
    assert sent[0]["status"] == 403
    assert json.loads(sent[1]["body"]) == answer


async def receive() -> Message:
    """Nothing comes."""
    raise AssertionError("a refused request is not read")
