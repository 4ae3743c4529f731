"""Commands about who may do what: login, logout, keys, host-keys, whoami."""

import getpass
import os
import sys
from typing import Any

from sourcecheck.access import KEY_VARIABLE, Access, find_access, forget_login, keep_login, login_file
from sourcecheck.cli.command import Invocation, add_command, add_group
from sourcecheck.cli.text import ago
from sourcecheck.client import Client
from sourcecheck.errors import SourcecheckError


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    login = add_command(
        commands,
        "login",
        _login,
        "remember the address of a service and an API key for this user",
        "sourcecheck login http://127.0.0.1:8000             # asks for the key\n"
        "sourcecheck login https://checks.example.org < key-file",
    )
    login.add_argument(
        "address", nargs="?", metavar="ADDRESS", help="address of the service (default: $SOURCECHECK_URL)"
    )
    add_command(commands, "logout", _logout, "forget that address and key", "sourcecheck logout")
    add_command(commands, "whoami", _whoami, "show whose key is in use, and for which service", "sourcecheck whoami")
    _add_keys(commands)
    _add_host_keys(commands)


def _add_keys(commands: Any) -> None:
    keys = add_group(commands, "keys", "list, make and revoke your API keys")
    add_command(keys, "list", _list_keys, "list your API keys, including revoked ones", "sourcecheck keys list")
    make = add_command(
        keys, "add", _add_key, "make an API key; it is shown once", "sourcecheck keys add nightly --on-question fail"
    )
    make.add_argument("name", metavar="NAME", help="what the key is for")
    make.add_argument(
        "--on-question",
        choices=("ask", "fail"),
        default="ask",
        help="what a test with this key does when it needs a person's answer (default: ask)",
    )
    add_command(keys, "revoke", _revoke_key, "revoke an API key", "sourcecheck keys revoke 3").add_argument(
        "id", type=int, metavar="ID", help="the key's id, as `sourcecheck keys list` shows it"
    )


def _add_host_keys(commands: Any) -> None:
    keys = add_group(commands, "host-keys", "list, trust and revoke keys of SSH gateways")
    listed = add_command(
        keys, "list", _list_host_keys, "list the keys that your organization trusts", "sourcecheck host-keys list --all"
    )
    listed.add_argument("--all", action="store_true", help="include revoked keys")
    trust = add_command(
        keys,
        "add",
        _add_host_key,
        "trust a gateway's key before a test asks about it",
        "sourcecheck host-keys add gateway.example SHA256:…\n"
        'sourcecheck host-keys add gateway.example "ssh-ed25519 AAAA…" --port 2222',
    )
    trust.add_argument("host", metavar="HOST", help="the gateway's host name or address")
    trust.add_argument("host_key", metavar="KEY", help="a public key line, or a fingerprint (SHA256:…)")
    trust.add_argument("--port", type=int, default=22, help="the gateway's port (default: 22)")
    add_command(
        keys, "revoke", _revoke_host_key, "stop trusting a gateway's key", "sourcecheck host-keys revoke 3"
    ).add_argument("id", type=int, metavar="ID", help="the key's id, as `sourcecheck host-keys list` shows it")


def _login(call: Invocation) -> int:
    url = find_access(call.given.address or call.given.url).url
    key = os.environ.get(KEY_VARIABLE) or _read_key()
    with Client(url, key) as client:
        owner = client.organization()
    path = login_file()
    keep_login(path, Access(url, key))
    call.out.result({"url": url, "organization": owner.org_name, "kept_in": str(path)})
    call.out.say(f"Logged in to {url}, organization {owner.org_name}; saved in {path}")
    return 0


def _read_key() -> str:
    key = getpass.getpass("API key: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not key.strip():
        raise SourcecheckError(f"no API key given: enter one, pipe it in, or set {KEY_VARIABLE}")
    return key.strip()


def _logout(call: Invocation) -> int:
    known = forget_login(login_file())
    call.out.result({"forgotten": known})
    call.out.say("Logged out" if known else "There was no login")
    return 0


def _whoami(call: Invocation) -> int:
    owner = call.client.organization()
    name = next((member.name for member in call.client.list_members() if member.id == owner.user_id), None)
    call.out.result({"url": call.client.url, "user": name, "organization": owner})
    call.out.say(f"{name or f'User {owner.user_id}'}, of {owner.org_name}, at {call.client.url}")
    return 0


def _list_keys(call: Invocation) -> int:
    keys = call.client.list_keys()
    call.out.result(keys)
    rows = [
        [str(k.id), k.name, f"{k.prefix}…", ago(k.created_at), ago(k.last_used_at), "revoked" if k.revoked_at else ""]
        for k in keys
    ]
    call.out.table(["id", "name", "key", "added", "last used", ""], rows)
    return 0


def _add_key(call: Invocation) -> int:
    made = call.client.create_key(call.given.name, on_question=call.given.on_question)
    call.out.result({"id": made.id, "name": made.name, "key": made.key})
    call.out.say(made.key)
    call.out.note("This is the only time the key is shown")
    return 0


def _revoke_key(call: Invocation) -> int:
    call.client.revoke_key(call.given.id)
    call.out.result({"revoked": call.given.id})
    call.out.say(f"Revoked API key {call.given.id}")
    return 0


def _list_host_keys(call: Invocation) -> int:
    keys = call.client.list_host_keys(revoked=call.given.all)
    call.out.result(keys)
    rows = [
        [str(k.id), f"{k.host}:{k.port}", k.key_type or "", k.fingerprint, "revoked" if k.revoked_at else ""]
        for k in keys
    ]
    call.out.table(["id", "gateway", "type", "fingerprint", ""], rows)
    return 0


def _add_host_key(call: Invocation) -> int:
    key = call.client.add_host_key(call.given.host, call.given.host_key, call.given.port)
    call.out.result(key)
    call.out.say(f"{key.host}:{key.port} is now trusted with the key {key.fingerprint}")
    return 0


def _revoke_host_key(call: Invocation) -> int:
    call.client.revoke_host_key(call.given.id)
    call.out.result({"revoked": call.given.id})
    call.out.say(f"Host key {call.given.id} is no longer trusted")
    return 0
