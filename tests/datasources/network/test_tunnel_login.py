"""Logging in at a gateway: the source's own secrets, and nothing else."""

import getpass
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import PrivateFormat

from datasources.model.vocabulary import ErrorCode
from datasources.network.tunnel import open_tunnel
from tests.fixtures.servers.ssh import (
    GATEWAY_PASSWORD,
    KEYS,
    Bastion,
    Echo,
    Sshd,
    private_text,
    refusal,
    running_sshd,
    source_behind,
)

FORMATS = {
    "openssh": PrivateFormat.OpenSSH,
    "pkcs8": PrivateFormat.PKCS8,
    "traditional": PrivateFormat.TraditionalOpenSSL,
}
PAIRS = [(name, form) for name in KEYS for form in FORMATS if (name, form) != ("ed25519", "traditional")]
STRANGER = private_text(ed25519.Ed25519PrivateKey.generate())


@pytest.mark.parametrize(("name", "form"), PAIRS)
async def test_every_key_opens_openssh(sshd: Sshd, echo: Echo, name: str, form: str) -> None:
    """Each type in each format, with a passphrase, logs in at a real sshd."""
    key = private_text(KEYS[name], FORMATS[form], "words")
    async with open_tunnel(source_behind(sshd.tunnel(private_key=key, passphrase="words"), echo.port)) as seen:
        assert seen.via is not None


async def test_a_password(bastion: Bastion, echo: Echo) -> None:
    """A password logs in."""
    async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
        assert seen.via is not None


async def test_a_password_that_is_asked_for(echo: Echo) -> None:
    """Gateways that ask for the password by keyboard-interactive get it, too."""
    bastion = Bastion(methods=frozenset({"keyboard-interactive"}))
    await bastion.start()
    async with open_tunnel(source_behind(bastion.tunnel(), echo.port)) as seen:
        assert seen.via is not None
    error = await refusal(source_behind(bastion.tunnel(password="another"), echo.port))
    assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
    await bastion.stop()


async def test_a_gateway_that_asks_for_nothing(echo: Echo) -> None:
    """A gateway that lets everybody in needs no secret."""
    bastion = Bastion(password=None)
    await bastion.start()
    async with open_tunnel(source_behind(bastion.tunnel(password=None), echo.port)) as seen:
        assert seen.via is not None
    await bastion.stop()


async def test_a_wrong_password(bastion: Bastion, echo: Echo) -> None:
    """A refused password is SSH_AUTHENTICATION_FAILED; it is in no text, and nothing is missing."""
    error = await refusal(source_behind(bastion.tunnel(password="wr0ng-secret"), echo.port))
    assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
    assert "refused the password of tunnel" in error.message
    assert "wr0ng-secret" not in f"{error!r} {error.__cause__!r} {error.details}"
    assert "secret_missing" not in error.details


async def test_a_password_where_only_keys_are_taken(sshd: Sshd, echo: Echo) -> None:
    """The message says what the gateway would accept."""
    error = await refusal(source_behind(sshd.tunnel(private_key=None, password="secret"), echo.port))
    assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
    assert "it accepts publickey" in error.message


async def test_a_key_that_the_gateway_does_not_know(sshd: Sshd, echo: Echo) -> None:
    """A refused key is SSH_AUTHENTICATION_FAILED."""
    error = await refusal(source_behind(sshd.tunnel(private_key=STRANGER), echo.port))
    assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
    assert "refused the private key" in error.message


async def test_a_gateway_that_shows_the_door(echo: Echo) -> None:
    """A gateway that hangs up on a refused login, as sshd does at the limit of attempts, is a refused login."""
    with running_sshd(MaxAuthTries="1") as sshd:
        error = await refusal(source_behind(sshd.tunnel(private_key=STRANGER), echo.port))
    assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED


async def test_a_key_that_is_refused_and_a_password_that_is_not(bastion: Bastion, echo: Echo) -> None:
    """With both, the password is tried after the key."""
    async with open_tunnel(source_behind(bastion.tunnel(private_key=STRANGER), echo.port)) as seen:
        assert seen.via is not None


async def test_a_gateway_that_refuses_the_algorithm(echo: Echo) -> None:
    """The message names the signature that was shown, so that the gateway's log and its settings can be compared."""
    with running_sshd(PubkeyAcceptedAlgorithms="ssh-rsa") as sshd:
        error = await refusal(source_behind(sshd.tunnel(private_key=private_text(KEYS["rsa"])), echo.port))
        assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
        assert "signed with rsa-sha2-512; a gateway that accepts ssh-rsa signatures only" in error.message


async def test_a_gateway_that_wants_two_things(echo: Echo) -> None:
    """A key that is accepted where a password is wanted as well: what is missing is said."""
    with running_sshd(PasswordAuthentication="yes", AuthenticationMethods="publickey,password") as sshd:
        error = await refusal(source_behind(sshd.tunnel(), echo.port))
        assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
        assert "requires further authentication: password" in error.message
        assert error.details["missing"] == ["password"]
        wrong = await refusal(source_behind(sshd.tunnel(password="wrong"), echo.port))
        assert wrong.code is ErrorCode.SSH_AUTHENTICATION_FAILED
        assert "secret_missing" not in wrong.details


@pytest.mark.parametrize("kind", ["password", "key"])
async def test_no_secret_at_all(sshd: Sshd, bastion: Bastion, echo: Echo, kind: str) -> None:
    """A gateway that wants a secret where there is none: the error says that it is missing."""
    tunnel = bastion.tunnel(password=None) if kind == "password" else sshd.tunnel(private_key=None)
    error = await refusal(source_behind(tunnel, echo.port))
    assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
    assert error.details == {"stage": "ssh", "secret_missing": True, "missing": ["password", "private_key"]}


@pytest.mark.parametrize(
    ("key", "passphrase", "words"),
    [
        (private_text(KEYS["ed25519"], passphrase="words"), "another", "the passphrase is wrong"),
        (private_text(KEYS["ed25519"], passphrase="words"), None, "the source has no passphrase"),
        ("no key at all", None, "malformed"),
    ],
)
async def test_an_unusable_key_never_leaves(
    bastion: Bastion, echo: Echo, key: str, passphrase: str | None, words: str
) -> None:
    """An unusable key is SSH_AUTHENTICATION_FAILED with the reason; the gateway is not even called."""
    error = await refusal(source_behind(bastion.tunnel(private_key=key, passphrase=passphrase), echo.port))
    assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
    assert words in error.message
    assert error.details.get("secret_missing") is (True if passphrase is None and "passphrase" in words else None)
    assert bastion.connections == []


@pytest.fixture
def a_worker_with_keys_of_its_own(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An agent that holds a key which the gateway accepts, and a home with such a key and a configuration."""
    folder = tmp_path / ".ssh"
    folder.mkdir()
    for name, kind in (("ed25519", "ed25519"), ("rsa", "rsa"), ("ecdsa-256", "ecdsa")):
        file = folder / f"id_{kind}"
        file.write_text(private_text(KEYS[name]))
        file.chmod(0o600)
    (folder / "config").write_text(f"Host *\n  User {getpass.getuser()}\n  IdentityFile {folder}/id_ed25519\n")
    agent = subprocess.run(["ssh-agent", "-a", tmp_path / "agent"], check=True, capture_output=True, text=True).stdout
    process = int(agent.split("SSH_AGENT_PID=")[1].split(";")[0])
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        monkeypatch.setenv("SSH_AGENT_PID", str(process))
        monkeypatch.setenv("HOME", str(tmp_path))
        subprocess.run(["ssh-add", "-q", folder / "id_ed25519"], check=True)
        check = [
            "ssh",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            f"UserKnownHostsFile={tmp_path}/k",
        ]
        subprocess.run([*check, "-p", str(sshd.port), "127.0.0.1", "true"], check=True, capture_output=True)
        yield
    finally:
        os.kill(process, 15)


@pytest.mark.usefixtures("a_worker_with_keys_of_its_own")
async def test_the_workers_own_keys_are_not_used(sshd: Sshd, echo: Echo) -> None:
    """Where OpenSSH's client would log in by agent and home, we do not: not without a secret, nor with a wrong one."""
    mark = len(sshd.log)
    error = await refusal(source_behind(sshd.tunnel(private_key=None), echo.port))
    assert error.details["secret_missing"] is True
    for wrong in ({"private_key": None, "password": GATEWAY_PASSWORD}, {"private_key": STRANGER}):
        error = await refusal(source_behind(sshd.tunnel(**wrong), echo.port))
        assert error.code is ErrorCode.SSH_AUTHENTICATION_FAILED
    assert "Accepted" not in sshd.log[mark:]
    assert sshd.log[mark:].count("Failed publickey") == 1
