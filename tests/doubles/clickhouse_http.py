"""ClickHouse's HTTP interface over chDB, ClickHouse's own engine: run by the Python that has chdb.

Settings, read-only mode, limits, errors, cancelling, the query log and SQL are the engine's. Ours are the users, the rights to
make a table in `locked` and to read the query log, and that several statements in one request are refused, as the server does.
"""

import re
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import chdb

PATH, PORT, PASSWORD = sys.argv[1], int(sys.argv[2]), sys.argv[3]
USERS = {"reader": PASSWORD, "historian": PASSWORD, "admin": PASSWORD}
OURS = {"database", "query_id", "default_format"}
LOG = """<clickhouse><query_log><database>system</database><table>query_log</table>
<flush_interval_milliseconds>86400000</flush_interval_milliseconds></query_log></clickhouse>"""
"""The engine's query log is written when `SYSTEM FLUSH LOGS` says so."""
CONFIG = tempfile.NamedTemporaryFile("w", suffix=".xml")  # noqa: SIM115 -- as long as the process lasts
CONFIG.write(LOG)
CONFIG.flush()
URL = f"{PATH}?config-file={CONFIG.name}"
KEEP = chdb.connect(URL)
"""The engine ends with its last connection."""


class Handler(BaseHTTPRequestHandler):
    """One request, one connection to the engine, one statement."""

    disable_nagle_algorithm = True  # head and body are written apart: the second would wait for the client's receipt

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """A statement in the body, settings in the address."""
        statement = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        user = self.headers["X-ClickHouse-User"]
        if user not in USERS or USERS[user] != self.headers["X-ClickHouse-Key"]:
            return self.fail(516, 403, f"{user}: Authentication failed: password is incorrect, or there is no user")
        if re.search(r";\s*\S", statement):
            return self.fail(62, 400, "Syntax error (Multi-statements are not allowed)")
        if user == "reader" and re.match(r"\s*CREATE TABLE `locked`", statement):
            return self.fail(497, 403, "reader: Not enough privileges")
        if user == "reader" and "system.query_log" in statement:
            return self.fail(497, 403, "reader: Not enough privileges")
        if killed := re.search(r"KILL QUERY WHERE query_id = '([^']+)'", statement):
            statement = f"KILL QUERY WHERE query LIKE '%{killed[1]}%' AND query NOT LIKE 'KILL%' ASYNC"
        elif not re.match(r"\s*(insert|create|drop)", statement, re.IGNORECASE):
            statement = f"{statement.rstrip().rstrip(';')} /* {given.get('query_id', '')} */"
        connection = chdb.connect(URL)
        try:
            self.answer(connection, statement, given)
        finally:
            connection.close()
        return None

    def answer(self, connection: "chdb.Connection", statement: str, given: dict[str, str]) -> None:
        """What the engine says, as it comes."""
        try:
            connection.query(f"USE `{given.get('database', 'default')}`")
            for name, value in sorted(given.items(), key=lambda item: item[0] == "readonly"):
                if name not in OURS:
                    connection.query(f"SET {name} = {value}")
            pieces = self.pieces(connection, statement, given.get("default_format", "TabSeparated"))
            first = next(pieces, None)
        except Exception as error:
            number = re.search(r"Code: (\d+)", str(error))
            return self.fail(int(number[1]) if number else 1, 500, str(error))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while first is not None:
                self.chunk(first)
                first = next(pieces, None)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            return None
        except Exception as error:
            self.chunk(str(error).encode())
        self.wfile.write(b"0\r\n\r\n")
        return None

    def pieces(self, connection: "chdb.Connection", statement: str, form: str) -> Iterator[bytes]:
        """An answer that may have no end in pieces; the engine streams those that have rows only.

        In JSONCompact each piece of the engine's stream would be a whole document.
        """
        begun = False
        if form != "JSONCompact" and re.match(r"\s*(select|with)\b", statement, re.IGNORECASE):
            for piece in connection.send_query(statement, form):
                begun = True
                yield piece.bytes()
        if not begun:  # a stream without rows has no names of columns either
            yield connection.query(statement, form).bytes()

    def chunk(self, data: bytes) -> None:
        """A piece of the answer; an empty one would end it."""
        if data:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def fail(self, number: int, status: int, text: str) -> None:
        """An error as the server answers it."""
        body = text.encode() if text.startswith("Code:") else f"Code: {number}. DB::Exception: {text}".encode()
        self.send_response(status)
        self.send_header("X-ClickHouse-Exception-Code", str(number))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
