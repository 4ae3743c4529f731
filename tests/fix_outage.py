"""A PostgreSQL of its own that can be stopped and started again, on the same port with the same data."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.fix_database import Server, _account, _wait, embedded_binaries, running
from tests.fix_processes import kept


class Database:
    """A server with a switch."""

    def __init__(self, server: Server, exits: ExitStack) -> None:
        self.server = server
        self._process = server.process
        self._exits = exits

    def stop(self) -> None:
        """As an administrator would; open sessions end."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def start(self) -> None:
        """As it was; returns when it lets people in."""
        account = _account()
        as_user: dict[str, Any] = {"cwd": "/"}
        if account:
            as_user |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        command = [str(part) for part in self.server.process.args]  # type: ignore[union-attr]
        self._process = self._exits.enter_context(kept(command, stop_signal=signal.SIGQUIT, **as_user))
        _wait(Server(self.server.version, self.server.port, self.server.data, self.server.ca, self._process))


@contextmanager
def own_database() -> Iterator[Database]:
    """PostgreSQL 18 from nothing, with the tests' tables."""
    with running(embedded_binaries(), tls=False) as server, ExitStack() as exits:
        yield Database(server, exits)
