"""An HTTPS server whose answers a test writes."""

import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.doubles.serving import serving
from tests.fixtures.servers.database import authority_and_certificate


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def whole(self) -> bytes:
        """All of it, as a text."""
        return f"{self.method} {self.path}\n{self.headers}\n".encode() + self.body


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class HttpsDouble:
    """A running server on `localhost`, its authority as PEM, and what it was asked."""

    port: int
    ca: str
    asked: list[Request] = field(default_factory=list)


@contextmanager
def https_double(
    answer: Callable[[Request], Answer], identity: tuple[str, bytes, bytes] | None = None
) -> Iterator[HttpsDouble]:
    """Answers each request as `answer` says; `identity` is of `authority_and_certificate`, where several servers share it."""
    ca, certificate, key = identity or authority_and_certificate()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

        def _serve(self) -> None:
            request = Request(self.command, self.path, self.headers, self._body())
            double.asked.append(request)
            status, headers, body = answer(request)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                found = b""
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    found += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return found
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "both.pem").write_bytes(certificate + key)
        context.load_cert_chain(Path(folder) / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    double = HttpsDouble(server.server_port, ca)
    with serving(server):
        yield double
