"""Which of a host's addresses answers: each is tried in turn, with its share of the time."""

import asyncio
import os
import socket
from collections.abc import Sequence

from datasources.network.progress import Progress

KEEPALIVE_SECONDS = 5
DEAD_AFTER_SECONDS = 10
"""How long a peer may leave our packets unanswered before the connection counts as broken."""


def make_socket(family: socket.AddressFamily) -> socket.socket:
    """A TCP socket that notices a dead peer by itself."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {
        "TCP_KEEPIDLE": KEEPALIVE_SECONDS,
        "TCP_KEEPINTVL": 2,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": DEAD_AFTER_SECONDS * 1000,
    }
    for name, value in wanted.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


def share(progress: Progress, addresses: int) -> float:
    """Seconds that the first of so many addresses may take to accept; the last one has all the time that is left."""
    return progress.left / addresses


async def dial(addresses: Sequence[str], port: int, progress: Progress) -> tuple[socket.socket, str]:
    """A connected socket that does not block, and the address. Raises `OSError` (`TimeoutError` is one)."""
    failure: OSError = TimeoutError()
    for number, address in enumerate(addresses):
        sock = make_socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            async with asyncio.timeout(share(progress, len(addresses) - number)):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except OSError as error:
            failure = _in_words_of_the_system(error)
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock, address
    raise failure


def system_words(error: BaseException | None) -> str | None:
    """What the system says of a connection that failed, behind a library's own error; None where it says nothing.

    asyncio says "Connect call failed ('192.0.2.1', 5432)" for every reason, and anyio "All connection attempts failed";
    the system says "Connection refused".
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno and error.errno > 0:
            return os.strerror(error.errno)
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__ or error.__context__
    return None


def _in_words_of_the_system(error: OSError) -> OSError:
    return error if error.errno is None else OSError(error.errno, os.strerror(error.errno))
