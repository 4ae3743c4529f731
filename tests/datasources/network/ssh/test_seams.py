"""Private parts of paramiko and sshtunnel that a verified tunnel leans on: what breaks when a version changes one.

Both are used in `transport.py` and `forward.py` alone, and both concern security: the tests of gateways
(`tests/acceptance/asking/test_gateways.py`) show the behaviour on real servers, these say where it comes from.
"""

import inspect
from typing import Any

import paramiko
import pytest
import sshtunnel
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.transport import ServiceRequestingTransport
from sshtunnel import SSHTunnelForwarder


@pytest.mark.parametrize(
    ("owner", "name", "consequence"),
    [
        (ServiceRequestingTransport, "_send_message", "no login could be asked for: Transport.ensure_session"),
        (
            ServiceRequestingTransport,
            "_parse_service_accept",
            "a login would wait until its time is over: ensure_session",
        ),
        (ServiceRequestingTransport, "ensure_session", "paramiko would wait for ever for a gateway that is gone"),
        (
            ServiceRequestingTransport,
            "open_channel",
            "a forward that is refused would not be told from a lost connection",
        ),
        (paramiko.Transport, "_parse_disconnect", "a gateway that refuses by hanging up would look like a lost one"),
        (AuthOnlyHandler, "send_auth_request", "an answer that comes at once would be missed, and the login time out"),
        (AuthOnlyHandler, "wait_for_response", "no answer to a login would be waited for"),
        (
            SSHTunnelForwarder,
            "_connect_to_gateway",
            "sshtunnel would open an UNVERIFIED connection of its own: Forwarder",
        ),
        (
            SSHTunnelForwarder,
            "_make_ssh_forward_handler_class",
            "connections of a process with many open files would end: Forwarder",
        ),
        (sshtunnel._ForwardHandler, "_redirect", "connections of a process with many open files would end: _Carrier"),
        (SSHTunnelForwarder, "start", "no tunnel would open"),
        (SSHTunnelForwarder, "stop", "a tunnel would stay open"),
    ],
)
def test_it_is_still_there(owner: type, name: str, consequence: str) -> None:
    """Otherwise the message says what no longer works."""
    assert hasattr(owner, name), f"{owner.__module__}.{owner.__name__} no longer has {name}: {consequence}"


def test_paramiko_still_calls_what_we_override() -> None:
    """It gives messages of these two kinds to the methods of these names."""
    assert "self._parse_disconnect(m)" in inspect.getsource(paramiko.Transport), (
        "a gateway that refuses by hanging up would look like a lost one: Transport._parse_disconnect"
    )
    assert "[MSG_SERVICE_ACCEPT] = self._parse_service_accept" in inspect.getsource(ServiceRequestingTransport), (
        "a login would wait until its time is over: Transport._parse_service_accept"
    )


def test_sshtunnel_takes_the_connection_that_it_is_given() -> None:
    """`Forwarder` puts ours where sshtunnel keeps its own; it must neither open another one nor look elsewhere."""
    sources = {name: inspect.getsource(getattr(SSHTunnelForwarder, name)) for name in ("start", "_create_tunnels")}
    assert "_connect_to_gateway" in sources["_create_tunnels"] + sources["start"], (
        "sshtunnel connects by another method now: Forwarder would be an UNVERIFIED tunnel"
    )
    module = inspect.getsource(sshtunnel)
    assert "self._transport" in module, "sshtunnel keeps its connection elsewhere: Forwarder would forward nothing"
    assert "self._server_list" in module, "a tunnel whose threads never started would stay open: Forwarder.shut"


def test_only_our_own_method_makes_a_connection() -> None:
    """sshtunnel's `_get_transport` opens a socket to the gateway: with ours in place, nothing may call it."""
    calls = [
        name
        for name, method in vars(SSHTunnelForwarder).items()
        if inspect.isfunction(method) and "self._get_transport(" in inspect.getsource(method)
    ]
    assert set(calls) <= {"_connect_to_gateway"}, f"sshtunnel also connects in {calls}: that one is not verified"


def test_the_local_end_listens_where_it_is_told() -> None:
    """Left to itself sshtunnel listens on every interface."""
    parameters: dict[str, Any] = dict(inspect.signature(SSHTunnelForwarder.__init__).parameters)
    given = {"ssh_config_file", "ssh_host_key", "allow_agent", "host_pkey_directories", "logger"}
    named = inspect.getsource(SSHTunnelForwarder.__init__)
    assert given <= parameters.keys(), f"sshtunnel no longer takes {sorted(given - parameters.keys())}"
    assert "local_bind_address" in named, "the tunnel's local end would be open to the network"
