"""Host keys as people write them down."""

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datasources.databases import AnySource
from datasources.model.inputs.host_keys import HostKey, echoes
from datasources.model.source import SshTunnel
from tests.fixtures.servers.ssh import KEYS, fingerprint, public_line

LINE = public_line(KEYS["ed25519"])
NUMBERS = [str(number) for number in range(14)]
"""Names of cases: the keys differ from one process of the tests to the next."""


@pytest.mark.parametrize("name", KEYS)
def test_the_fingerprint_of_a_line_is_that_of_ssh_keygen(name: str, tmp_path: Path) -> None:
    """A public key line of each type has the fingerprint that `ssh-keygen -l` prints."""
    line = public_line(KEYS[name])
    file = tmp_path / "key.pub"
    file.write_text(line + " somebody@somewhere\n")
    printed = subprocess.run(["ssh-keygen", "-l", "-f", file], check=True, capture_output=True, text=True).stdout
    assert HostKey.parse(line + " a comment of words\n") == HostKey(printed.split()[1], line.split()[0])


@pytest.mark.parametrize("text", [fingerprint(KEYS["rsa"]), f" {fingerprint(KEYS['rsa'])}=\n"], ids=["bare", "padded"])
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
    f"other.example {LINE}",
    f"@revoked gateway {LINE}",
    f"@cert-authority gateway {LINE}",
    "256 SHA256:tooshort gateway (ED25519)",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
]


OTHER = public_line(KEYS["rsa"])
PRINT = fingerprint(KEYS["ed25519"])
HASH = "|1|" + "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" + "|" + "pBhUBgY9Iq/lOYYj7zLNTrjkzss="


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"{LINE} me@laptop",
        f"gateway.example {LINE}",
        f"gateway.example,10.0.0.1 {LINE}",
        f"[gateway.example]:2222 {LINE}",
        f"{HASH} {LINE}",
        f"# gateway.example:22 SSH-2.0-OpenSSH_9.2\n\n{LINE}\r\n",
        f"256 {PRINT} [127.0.0.1]:22022 (ED25519)",
        f"256 {PRINT} me@laptop (ED25519)",
        PRINT,
        PRINT.removeprefix("SHA256:"),
        f"{LINE}\n{PRINT}\n256 {PRINT} no comment (ED25519)",
    ],
    ids=NUMBERS[:12],
)
def test_what_people_paste_is_one_key(text: str) -> None:
    """A file's line, known_hosts, ssh-keyscan, ssh-keygen -l, a bare fingerprint: the same key each time."""
    assert HostKey.parse(text).fingerprint == PRINT
    assert echoes(text, PRINT)
    assert not echoes(text, fingerprint(KEYS["rsa"]))


def test_several_keys_are_one_question_each() -> None:
    """Two keys are no key; to echo one of them beside another of the same gateway is clear."""
    text = f"gateway {LINE}\ngateway {OTHER}"
    with pytest.raises(ValueError, match="2 different keys; paste the one that the gateway shows"):
        HostKey.parse(text)
    assert [key.key_type for key in HostKey.parse_all(text)] == ["ssh-ed25519", "ssh-rsa"]
    assert echoes(text, PRINT)


@pytest.mark.parametrize(
    ("names", "host", "port", "about"),
    [
        (None, "gateway", 22, True),
        ("gateway", "GATEWAY", 22, True),
        ("10.0.0.1,gateway", "gateway", 22, True),
        ("gateway", "gateway", 2222, False),
        ("[gateway]:2222", "gateway", 2222, True),
        ("[gateway]:2222", "gateway", 22, False),
        ("other", "gateway", 22, False),
    ],
)
def test_which_host_a_line_is_about(names: str | None, host: str, port: int, about: bool) -> None:
    """As OpenSSH writes names: with brackets and the port, unless it is 22."""
    assert HostKey("SHA256:x", None, names).is_about(host, port) == about


def test_a_hashed_name_is_compared_by_its_hash(tmp_path: Path) -> None:
    """`ssh-keygen -H` hashes a line; it still says which host it is about."""
    file = tmp_path / "known_hosts"
    file.write_text(f"[gateway.example]:2222 {LINE}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", file], check=True, capture_output=True)
    key = HostKey.parse(file.read_text())
    assert key.names is not None
    assert key.names.startswith("|1|")
    assert key.is_about("gateway.example", 2222)
    assert not key.is_about("gateway.example", 22)


@pytest.mark.parametrize("text", MALFORMED, ids=NUMBERS)
def test_a_malformed_key_is_refused_by_name(text: str) -> None:
    """What is neither a line nor a fingerprint is refused when it enters, and the message names the field."""
    tunnel = {"host": "gateway", "username": "me", "host_key": text}
    with pytest.raises(msgspec.ValidationError, match=r"`host_key` is .*ssh_tunnel"):
        msgspec.convert(_source(ssh_tunnel=tunnel), AnySource)


def test_a_well_formed_tunnel_enters() -> None:
    """Every field of `ssh_tunnel` is taken (contract 2.8)."""
    tunnel: dict[str, Any] = {"host": "gateway", "username": "me", "host_key": LINE, "port": 2222}
    tunnel |= {"private_key": "text", "passphrase": "words", "password": "hunter2"}
    source = msgspec.convert(_source(ssh_tunnel=tunnel), AnySource)
    assert source.ssh_tunnel == SshTunnel(**tunnel)
    assert "hunter2" not in repr(source)
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
