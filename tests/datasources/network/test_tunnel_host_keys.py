"""Whose key a gateway shows: verified always, asked about when unknown, refused when changed."""

import subprocess
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from datasources.model.inputs.host_keys import HostKey
from datasources.model.vocabulary import ErrorCode
from datasources.network.tunnel import Tunnel, open_tunnel
from tests.fixtures.servers.ssh import (
    KEYS,
    Bastion,
    Echo,
    Sshd,
    fingerprint,
    public_line,
    refusal,
    running_sshd,
    source_behind,
)

TYPES = {"ed25519": "ssh-ed25519", "ecdsa": "ecdsa-sha2-nistp256", "rsa": "ssh-rsa"}


async def shown(tunnel: Any, echo: Echo, *trusted: str) -> str:
    """The type of the key that was verified."""
    async with open_tunnel(source_behind(tunnel, echo.port), trusted_keys=trusted) as seen:
        assert isinstance(seen.via, Tunnel)
        return seen.via.info.key_type


@pytest.mark.parametrize("name", TYPES)
async def test_a_pinned_line_of_each_type(sshd: Sshd, echo: Echo, name: str) -> None:
    """A pinned public key is accepted whichever of its keys the gateway would show by itself."""
    assert await shown(sshd.tunnel(host_key=sshd.host_keys[name]), echo) == TYPES[name]


@pytest.mark.parametrize("name", TYPES)
async def test_a_pinned_fingerprint_of_each_type(sshd: Sshd, echo: Echo, name: str) -> None:
    """A fingerprint does not say the type: the gateway is asked for each of its keys."""
    pinned = HostKey.parse(sshd.host_keys[name]).fingerprint
    assert await shown(sshd.tunnel(host_key=pinned), echo) == TYPES[name]


@pytest.mark.parametrize("name", TYPES)
async def test_a_trusted_key_of_each_type(sshd: Sshd, echo: Echo, name: str) -> None:
    """A fingerprint, or a line, that the organization confirmed is as good as a pinned one."""
    line = sshd.host_keys[name]
    other = fingerprint(KEYS["ed25519"])
    assert await shown(sshd.tunnel(host_key=None), echo, other, HostKey.parse(line).fingerprint) == TYPES[name]
    assert await shown(sshd.tunnel(host_key=None), echo, line) == TYPES[name]


async def test_an_unknown_key_is_a_question(sshd: Sshd, echo: Echo) -> None:
    """Nothing pinned: SSH_HOST_KEY_UNKNOWN with all that is needed to verify it, before any login."""
    mark = len(sshd.log)
    error = await refusal(source_behind(sshd.tunnel(host_key=None), echo.port))
    assert error.code is ErrorCode.SSH_HOST_KEY_UNKNOWN
    assert error.details == {
        "stage": "ssh",
        "fingerprint": HostKey.parse(sshd.host_keys["ed25519"]).fingerprint,
        "key_type": "ssh-ed25519",
        "host": "127.0.0.1",
        "port": sshd.port,
        "verify": f"ssh-keyscan -p {sshd.port} 127.0.0.1 | ssh-keygen -lf -",
    }
    assert "Accepted" not in sshd.log[mark:]
    assert "Failed" not in sshd.log[mark:]


async def test_the_way_to_verify_it_works(sshd: Sshd, echo: Echo) -> None:
    """The command that we name prints the fingerprint that we name."""
    error = await refusal(source_behind(sshd.tunnel(host_key=None), echo.port))
    printed = subprocess.run(error.details["verify"], shell=True, check=True, capture_output=True, text=True)
    assert error.details["fingerprint"] in printed.stdout


async def test_what_was_confirmed_opens_the_next_time(sshd: Sshd, echo: Echo) -> None:
    """The fingerprint of the question, once trusted, is the answer."""
    error = await refusal(source_behind(sshd.tunnel(host_key=None), echo.port))
    assert await shown(sshd.tunnel(host_key=None), echo, error.details["fingerprint"]) == error.details["key_type"]


@pytest.mark.parametrize("pinned", [public_line(KEYS["ed25519"]), fingerprint(KEYS["ed25519"])], ids=["line", "print"])
async def test_another_key_than_the_pinned_one(bastion: Bastion, echo: Echo, pinned: str) -> None:
    """A key other than the pinned one is SSH_HOST_KEY_CHANGED, with both, and no login is tried."""
    error = await refusal(source_behind(bastion.tunnel(host_key=pinned), echo.port))
    assert error.code is ErrorCode.SSH_HOST_KEY_CHANGED
    assert error.details["expected"] == fingerprint(KEYS["ed25519"])
    assert error.details["found"] == fingerprint(bastion.host_key)
    assert bastion.logins == []


async def test_another_key_than_the_trusted_ones(bastion: Bastion, echo: Echo) -> None:
    """The same for keys that the organization trusts: with any confirmed, a new one is no question."""
    trusted = [fingerprint(KEYS["ed25519"]), fingerprint(KEYS["rsa"])]
    error = await refusal(source_behind(bastion.tunnel(host_key=None), echo.port), trusted)
    assert error.code is ErrorCode.SSH_HOST_KEY_CHANGED
    assert error.details["expected"] == ", ".join(sorted(trusted))


async def test_a_pinned_key_counts_alone(bastion: Bastion, echo: Echo) -> None:
    """What the organization trusts does not soften what the source itself pins."""
    tunnel = bastion.tunnel(host_key=fingerprint(KEYS["ed25519"]))
    error = await refusal(source_behind(tunnel, echo.port), [fingerprint(bastion.host_key)])
    assert error.code is ErrorCode.SSH_HOST_KEY_CHANGED


async def test_a_gateway_that_changes_its_key(bastion: Bastion, echo: Echo) -> None:
    """A gateway that was known and comes back with another key is refused."""
    tunnel = bastion.tunnel()
    assert await shown(tunnel, echo) == "ssh-ed25519"
    await bastion.stop()
    bastion.host_key = ed25519.Ed25519PrivateKey.generate()
    await bastion.start()
    error = await refusal(source_behind(tunnel, echo.port))
    assert error.code is ErrorCode.SSH_HOST_KEY_CHANGED
    assert error.details["found"] == fingerprint(bastion.host_key)


async def test_a_pinned_type_that_is_gone(sshd: Sshd, echo: Echo) -> None:
    """A gateway that no longer has a key of the pinned type has changed, whatever else it shows."""
    pinned = sshd.host_keys["ed25519"]
    with running_sshd(key_types=("rsa",)) as other:
        error = await refusal(source_behind(other.tunnel(host_key=pinned), echo.port))
        assert error.code is ErrorCode.SSH_HOST_KEY_CHANGED
        assert error.details["found"] == HostKey.parse(other.host_keys["rsa"]).fingerprint


async def test_every_key_is_looked_at_before_one_is_called_changed(sshd: Sshd, echo: Echo) -> None:
    """For a fingerprint that none of its keys has, all of them are named."""
    error = await refusal(source_behind(sshd.tunnel(host_key=fingerprint(KEYS["rsa"])), echo.port))
    assert error.code is ErrorCode.SSH_HOST_KEY_CHANGED
    everything = {HostKey.parse(line).fingerprint for line in sshd.host_keys.values()}
    assert set(error.details["found"].split(", ")) == everything


async def test_one_connection_is_enough(sshd: Sshd, echo: Echo) -> None:
    """What is verified is what is used: one connection a test, so that gateways that count them have no complaint."""
    mark = len(sshd.log)
    await shown(sshd.tunnel(), echo)
    assert sshd.log[mark:].count("Connection from") == 1
