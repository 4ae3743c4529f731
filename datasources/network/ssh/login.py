"""Logging in at a gateway whose key is verified."""

from paramiko import AuthenticationException, BadAuthenticationType, PKey, SSHException

from datasources.model.errors import CheckError
from datasources.model.inputs.host_keys import ALGORITHMS
from datasources.model.source import SshTunnel
from datasources.model.vocabulary import ErrorCode
from datasources.network.ssh.faults import fault, lost, missing
from datasources.network.ssh.transport import Transport

METHODS = {"publickey": "private_key", "password": "password", "keyboard-interactive": "password"}
"""What each method to log in needs (RFC 4252, 4256)."""


def log_in(transport: Transport, gateway: SshTunnel, key: PKey | None) -> None:
    """Log in with the source's own key and password, and with nothing else: no agent, no keys of the worker.

    A gateway may require both; with both at hand the key goes first. Blocks: for a thread.
    Raises `SourceUnreachable`: SSH_AUTHENTICATION_FAILED, with `details["secret_missing"]` when the gateway requires
    a secret that the source lacks, or SSH_CONNECTION_ERROR when the gateway is gone.
    """
    try:
        _try_all(transport, gateway, key)
    except (SSHException, EOFError, OSError) as error:
        raise _verdict(transport, gateway, key, error) from error


def _try_all(transport: Transport, gateway: SshTunnel, key: PKey | None) -> None:
    if key is None and not gateway.password:
        wanted = transport.auth_none(gateway.username)
    elif key is None:
        wanted = transport.auth_password(gateway.username, str(gateway.password))
    else:
        wanted = _try_key(transport, gateway, key)
    if wanted:
        raise _wants_more(wanted, gateway)


def _try_key(transport: Transport, gateway: SshTunnel, key: PKey) -> list[str]:
    """Publickey first, then the password: when the key was refused, or when the gateway wants both."""
    try:
        wanted = transport.auth_publickey(gateway.username, key)
    except AuthenticationException:
        if not gateway.password or not transport.is_active():
            raise
        wanted = ["password"]
    if wanted and gateway.password:
        wanted = transport.auth_password(gateway.username, gateway.password)
    return wanted


def _wants_more(wanted: list[str], gateway: SshTunnel) -> CheckError:
    names = dict.fromkeys(METHODS[method] for method in sorted(wanted) if method in METHODS)
    return fault(
        ErrorCode.SSH_AUTHENTICATION_FAILED,
        f"The SSH gateway requires further authentication: {', '.join(sorted(wanted))}",
        **missing(*(name for name in names if not getattr(gateway, name))),
    )


def _verdict(transport: Transport, gateway: SshTunnel, key: PKey | None, error: Exception) -> CheckError:
    if not transport.is_active() and not transport.dismissed:
        return lost("during the login")
    if not gateway.password and not gateway.private_key:
        return fault(
            ErrorCode.SSH_AUTHENTICATION_FAILED,
            "The SSH gateway requires a password or a private key, and the source has neither",
            **missing("password", "private_key"),
        )
    given = [
        name for name, value in (("the private key", gateway.private_key), ("the password", gateway.password)) if value
    ]
    message = f"The SSH gateway refused {' and '.join(given)} of {gateway.username}"
    if isinstance(error, BadAuthenticationType):
        message += f"; it accepts {', '.join(sorted(error.allowed_types))}"
    if key is not None:
        message += _about_signature(transport, key.get_name())
    return fault(ErrorCode.SSH_AUTHENTICATION_FAILED, message)


def _about_signature(transport: Transport, key_type: str) -> str:
    """With which signature the key was shown; a gateway may know the key and refuse the algorithm (RFC 8332)."""
    made = ALGORITHMS.get(key_type, (key_type,))
    said: dict[str, bytes] = getattr(transport, "server_extensions", {})  # RFC 8308, where the gateway sends them
    accepted = said.get("server-sig-algs", b"").decode(errors="replace")
    if accepted and not set(made) & set(accepted.split(",")):
        return f"; it accepts no signature of such a key ({', '.join(made)}), but {accepted}"
    if key_type == "ssh-rsa":
        return f" (signed with {made[0]}; a gateway that accepts ssh-rsa signatures only needs another kind of key)"
    return f" (signed with {made[0]})"
