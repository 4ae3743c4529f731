"""Organizations, users, keys and the encryption of secrets, from the command line."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, get_args

from datasources.model.errors import SettingsError
from datasources.model.settings import Settings
from datasources.model.vocabulary import OnQuestion

Add = Callable[..., argparse.ArgumentParser]
Work = Callable[[Any, argparse.Namespace], Awaitable[int]]


def add_commands(commands: Any, add: Add) -> None:
    """Add `organization`, `user`, `key` and `secrets` to the command line."""

    def group(name: str, text: str) -> Any:
        return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.").add_subparsers(
            required=True, metavar="COMMAND"
        )

    organization = group("organization", "add and list organizations, which own sources")
    add(
        organization, "add", _in_session(_add_organization), "add an organization", "sourcecheck organization add Shop"
    ).add_argument("name", metavar="NAME", help="name of the organization")
    add(
        organization,
        "list",
        _in_session(_list_organizations),
        "list the organizations",
        "sourcecheck organization list",
    )

    user = group("user", "add and list users of the API")
    new_user = add(
        user,
        "add",
        _in_session(_add_user),
        "add a user, as a member of an organization if one is given",
        "sourcecheck user add ada --email ada@shop.example --organization 1 --role admin",
    )
    new_user.add_argument("name", metavar="NAME", help="name of the person or program")
    new_user.add_argument("--email", help="tells people of the same name apart; the service sends nothing there")
    new_user.add_argument("--organization", type=int, metavar="ID", help="the organization to join (default: none)")
    new_user.add_argument("--role", default="member", choices=["member", "admin"], help="default: member")
    add(user, "list", _in_session(_list_users), "list the users with their organizations", "sourcecheck user list")

    key = group("key", "make, list and revoke API keys of any user")
    new_key = add(
        key,
        "add",
        _in_session(_add_key),
        "make an API key; it is shown once",
        "sourcecheck key add 1 --name nightly --on-question fail",
    )
    new_key.add_argument("user", type=int, metavar="USER_ID", help="the user's id, as `sourcecheck user list` shows it")
    new_key.add_argument("--organization", type=int, metavar="ID", help="default: the user's first")
    new_key.add_argument("--name", default="made on the command line", help="what the key is for")
    new_key.add_argument(
        "--on-question",
        default="ask",
        choices=get_args(OnQuestion),
        help="what its tests do when they need a person's answer (default: ask)",
    )
    add(key, "list", _in_session(_list_keys), "list the keys by their first characters", "sourcecheck key list")
    add(key, "revoke", _in_session(_revoke_key), "revoke a key", "sourcecheck key revoke 1").add_argument(
        "key", type=int, metavar="KEY_ID", help="the key's id, as `sourcecheck key list` shows it"
    )

    secrets = group("secrets", "manage the encryption of stored secrets")
    add(
        secrets,
        "rotate",
        _rotate,
        "encrypt every stored secret again, with the first key of SOURCECHECK_SECRET_KEYS",
        "sourcecheck secrets rotate",
    )
    add(secrets, "new-key", _new_key, "print a key for SOURCECHECK_SECRET_KEYS", "sourcecheck secrets new-key")


def _in_session(work: Work) -> Callable[[Settings, argparse.Namespace], int]:
    """A command that works on the catalogue, in one transaction."""

    def command(settings: Settings, given: argparse.Namespace) -> int:
        return asyncio.run(_with_session(settings, work, given))

    return command


async def _with_session(settings: Settings, work: Work, given: argparse.Namespace) -> int:
    from sqlalchemy.exc import DBAPIError

    from datasources.catalogue.engine import session_scope
    from deployments.stack.local import with_local_defaults

    try:
        async with session_scope(with_local_defaults(settings)) as session:
            return await work(session, given)
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        where = "SOURCECHECK_DATABASE_URL" if settings.database_url else f"the local stack in {settings.home_path}"
        raise SettingsError(
            f"{where}: the catalogue does not answer ({reason}). Is it running, and are its tables up to date?"
        ) from error


async def _add_organization(session: Any, given: argparse.Namespace) -> int:
    from datasources.catalogue.organizations.accounts import create_organization

    made = await create_organization(session, given.name)
    return _answer(given, {"id": made.id, "name": made.name}, f"organization {made.id}")


async def _list_organizations(session: Any, given: argparse.Namespace) -> int:
    from datasources.catalogue.organizations.accounts import list_organizations

    return _show(given, ["id", "name"], await list_organizations(session))


async def _add_user(session: Any, given: argparse.Namespace) -> int:
    from datasources.catalogue.organizations.accounts import add_member, create_user

    user = await create_user(session, given.name, given.email)
    if given.organization is not None:
        await add_member(session, given.organization, user.id, given.role)
    return _answer(given, {"id": user.id, "name": user.name}, f"user {user.id}")


async def _list_users(session: Any, given: argparse.Namespace) -> int:
    from datasources.catalogue.organizations.accounts import list_users

    return _show(given, ["id", "name", "email", "organization", "role"], await list_users(session))


async def _add_key(session: Any, given: argparse.Namespace) -> int:
    from datasources.catalogue.organizations.accounts import create_key

    made, raw = await create_key(session, given.user, given.organization, given.name, on_question=given.on_question)
    return _answer(given, {"id": made.id, "name": made.name, "key": raw}, raw)


async def _list_keys(session: Any, given: argparse.Namespace) -> int:
    from datasources.catalogue.organizations.accounts import list_keys

    return _show(given, ["id", "begins with", "name", "user", "last used", "revoked"], await list_keys(session))


async def _revoke_key(session: Any, given: argparse.Namespace) -> int:
    from datasources.catalogue.organizations.accounts import revoke_key

    await revoke_key(session, given.key)
    return _answer(given, {"revoked": given.key}, f"key {given.key} is revoked")


def _rotate(settings: Settings, given: argparse.Namespace) -> int:
    from deployments.cli.rotation import rotate
    from deployments.stack.local import with_local_defaults

    count = asyncio.run(rotate(with_local_defaults(settings)))
    return _answer(given, {"secrets": count}, f"{count} secrets encrypted with the first key")


def _new_key(_: Settings, given: argparse.Namespace) -> int:
    from cryptography.fernet import Fernet

    key = Fernet.generate_key().decode()
    return _answer(given, {"key": key}, key)


def _answer(given: argparse.Namespace, value: Any, sentence: str) -> int:
    given.out.result(value)
    given.out.say(sentence)
    return 0


def _show(given: argparse.Namespace, columns: list[str], rows: Iterable[Iterable[Any]]) -> int:
    found = [list(row) for row in rows]
    names = [column.replace(" ", "_") for column in columns]
    given.out.result([dict(zip(names, row, strict=True)) for row in found])
    given.out.table(columns, [["" if value is None else str(value) for value in row] for row in found])
    return 0
