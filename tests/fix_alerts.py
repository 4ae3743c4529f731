"""Receivers on this machine: a mail server, and one that takes the place of Slack."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.fix_database import authority_and_certificate, free_port

SLACK = "hooks.slack.com"


class Mailbox:
    """Keeps every mail."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:
        """A mail has come."""
        self.mails.append(envelope)
        return "250 OK"


@contextlib.contextmanager
def mail_server() -> Iterator[tuple[int, list[Envelope]]]:
    """A mail server: its port, and the mails it has taken."""
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        yield server.port, box.mails
    finally:
        server.stop()


class Slack(BaseHTTPRequestHandler):
    """A proxy that leads every connection to itself, where it answers as Slack's incoming webhooks do."""

    def do_CONNECT(self) -> None:
        """Speak TLS from here on, as the host that was asked for."""
        assert self.path == f"{SLACK}:443"
        self.send_response(200)
        self.end_headers()
        context: ssl.SSLContext = self.server.context  # type: ignore[attr-defined]
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.handle_one_request()
        self.wfile.flush()

    def do_POST(self) -> None:
        """Keep the message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextlib.contextmanager
def http_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """An HTTP server whose handler keeps what it is sent in `received`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.received = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def slack_server(folder: Path) -> Iterator[tuple[dict[str, str], list[tuple[str, dict[str, Any]]]]]:
    """What takes Slack's place: the environment of those who are to find it, and what it has been sent."""
    authority, certificate, key = authority_and_certificate(SLACK)
    (folder / "ca.pem").write_text(authority)
    (folder / "slack.pem").write_bytes(certificate + key)
    with http_server(Slack) as server:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # type: ignore[attr-defined]
        server.context.load_cert_chain(folder / "slack.pem")  # type: ignore[attr-defined]
        proxy = f"http://127.0.0.1:{server.server_address[1]}"
        yield {"HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(folder / "ca.pem")}, server.received  # type: ignore[attr-defined]


class Receiver(BaseHTTPRequestHandler):
    """Takes what a webhook brings."""

    def do_POST(self) -> None:
        """Keep the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    """An HTTP server that keeps what it is sent in `received`."""
    with http_server(Receiver) as server:
        yield server
