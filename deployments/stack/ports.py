"""Which ports the local stack listens on."""

import socket

import psutil

from datasources.model.errors import SettingsError
from deployments.stack.home import StackError


def listening_socket(host: str, port: int) -> socket.socket | None:
    """A socket that listens there; None when the port is taken. Raises `StackError` for an address that is not ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise StackError(f"SOURCECHECK_API_HOST: {host!r} is not an address of this machine") from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(1024)
    except OSError:
        listener.close()
        return None
    return listener


def free_port() -> int:
    """A port of the loopback that no program uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def claim(host: str, port: int, *, variable: str, given: bool) -> socket.socket:
    """A socket that listens on the port, or on another when it is busy.

    Held from the very start, so that no program can be quicker; clients that connect wait until the server is up.
    Raises `SettingsError` when the port was given by a setting and is busy.
    """
    listener = listening_socket(host, port)
    if listener is None and given:
        raise SettingsError(f"{variable}: port {port} is busy; stop what listens there, or set another port")
    listener = listener or listening_socket(host, 0)
    if listener is None:
        raise StackError(f"no port is free on {host}")
    return listener


def listens(pid: int, port: int) -> bool:
    """Whether this very process listens on the port, and not another program's."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)
