"""Host keys as people write them down."""

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datasources.databases import AnySource
from datasources.model.host_keys import HostKey
from datasources.model.source import SshTunnel
from tests.fix_ssh import KEYS, fingerprint, public_line

LINE = public_line(KEYS["ed25519"])


@pytest.mark.parametrize("name", KEYS)
def test_the_fingerprint_of_a_line_is_that_of_ssh_keygen(name: str, tmp_path: Path) -> None:
    """A public key line of each type has the fingerprint that `ssh-keygen -l` prints."""
    line = public_line(KEYS[name])
    file = tmp_path / "key.pub"
    file.write_text(line + " somebody@somewhere\n")
    printed = subprocess.run(["ssh-keygen", "-l", "-f", file], check=True, capture_output=True, text=True).stdout
    assert HostKey.parse(line + " a comment of words\n") == HostKey(printed.split()[1], line.split()[0])


@pytest.mark.parametrize("text", [fingerprint(KEYS["rsa"]), f" {fingerprint(KEYS['rsa'])}=\n"])
def test_a_fingerprint_stands_for_itself(text: str) -> None:
    """A fingerprint is accepted with and without padding, and says nothing of the type."""
    assert HostKey.parse(text) == HostKey(fingerprint(KEYS["rsa"]), None)


MALFORMED = [
    "",
    "ssh-ed25519",
    "SHA256:tooshort",
    "SHA256:" + "*" * 43,
    "SHA256:" + "A" * 42 + "B",
    "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
    "ssh-ed25519 not-base64!",
    "ssh-dss AAAAB3NzaC1kc3M=",
    "ssh-rsa " + LINE.split()[1],
    f"gateway.example.com {LINE}",
    f"{LINE}\n{LINE}",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_key_is_refused_by_name(text: str) -> None:
    """What is neither a line nor a fingerprint is refused when it enters, and the message names the field."""
    tunnel = {"host": "gateway", "username": "me", "host_key": text}
    with pytest.raises(msgspec.ValidationError, match=r"`host_key` is .*ssh_tunnel"):
        msgspec.convert(_source(ssh_tunnel=tunnel), AnySource)


def test_a_well_formed_tunnel_enters() -> None:
    """Every field of `ssh_tunnel` is taken (contract 2.8)."""
    tunnel: dict[str, Any] = {"host": "gateway", "username": "me", "host_key": LINE, "port": 2222}
    tunnel |= {"private_key": "text", "passphrase": "words", "password": "secret"}
    source = msgspec.convert(_source(ssh_tunnel=tunnel), AnySource)
    assert source.ssh_tunnel == SshTunnel(**tunnel)
    assert "secret" not in repr(source)
    assert "words" not in repr(source)


@pytest.mark.parametrize("field", [{"username": "a\nb"}, {"port": 0}, {"host": "a@b"}, {"host": "a/b"}, {"jump": "x"}])
def test_what_a_gateway_may_be_called(field: dict[str, Any]) -> None:
    """Control characters, ports out of range, hosts that are more than a host, unknown fields: all refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(_source(ssh_tunnel={"host": "gateway", "username": "me"} | field), AnySource)


@pytest.mark.parametrize("via", [{"address": "10.0.0.1", "port": 1}, "10.0.0.1:1", ["10.0.0.1", 1]])
def test_nobody_says_where_to_connect(via: Any) -> None:
    """`via` is ours: nothing that is decoded can set it (security row 3)."""
    with pytest.raises(msgspec.ValidationError, match="via"):
        msgspec.convert(_source(via=via), AnySource)
    with pytest.raises(msgspec.ValidationError, match="via"):
        msgspec.json.decode(msgspec.json.encode(_source(via=via)), type=AnySource)


def _source(**more: Any) -> dict[str, Any]:
    return {"type": "pg", "name": "x", "options": {"host": "db", "user": "u", "dbname": "d"}} | more
