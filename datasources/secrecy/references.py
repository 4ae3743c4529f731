"""Resolves the references of a source to its secrets, at the moment of a test; what they mean is kept nowhere.

An API client chooses the references, so nothing is read that no rule of the operator's allows, and each secret goes to
the hosts of its rules alone (security row 29). What is refused is refused before anything is looked for: the answer
says nothing about which files and variables there are.
"""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import entry_points

import msgspec

from datasources.model.errors import SourceUnreachable
from datasources.model.inputs.secret_references import Rule
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode

Resolver = Callable[[str], Awaitable[str]]
"""Answers the secret that the part of a reference behind its scheme means. Raises `LookupError` with a sentence."""
VAULTS = "sourcecheck.vaults"
"""Entry points of this group are `Resolver`s for `vault:KIND/PATH`, by their kind; each is given the path."""
MOST_BYTES = 64 * 1024
ADVICE = "Check the reference, and ask the operator whether SOURCECHECK_SECRET_REFERENCES allows it for this host."

_variables: dict[str, str] = {}
"""What this process was told of its worker's environment."""


def keep_variables(given: Mapping[str, str]) -> None:
    """Be told variables that are not in the environment of this process."""
    _variables.update(given)


async def resolve(
    source: Source, organization_id: int, rules: tuple[Rule, ...], resolvers: Mapping[str, Resolver]
) -> Source:
    """The source with every secret that it refers to. Raises `SourceUnreachable`, SECRET_UNAVAILABLE."""
    for place, reference in source.secret_references.items():
        group, _, name = place.partition(".")
        if not all(
            any(rule.allows(reference, organization_id, host) for rule in rules) for host in hosts_of(source, group)
        ):
            raise _unavailable(place, f"The operator does not allow {reference} for this host")
        scheme, _, path = reference.partition(":")
        try:
            secret = await resolvers[scheme](path)
            part = msgspec.structs.replace(getattr(source, group), **{name: secret})
        except (LookupError, ValueError, OSError) as error:
            reason = error.args[0] if isinstance(error, LookupError) and error.args else type(error).__name__
            raise _unavailable(place, f"{reference} cannot be resolved: {reason}") from error
        source = msgspec.structs.replace(source, **{group: part})
    return source


def hosts_of(source: Source, group: str) -> list[str | None]:
    """Every host that is told a secret of this group, or decides which host is; None where no host is known.

    A gateway that the client chooses could stand for any host behind it.
    """
    gateway = [source.ssh_tunnel.host] if source.ssh_tunnel else []
    if group == "ssh_tunnel":
        return [*gateway]
    target = source.options.target
    return [*gateway, target[0] if target else None]


def _unavailable(place: str, message: str) -> SourceUnreachable:
    return SourceUnreachable(ErrorCode.SECRET_UNAVAILABLE, message, {"stage": "secret", "field": place}, ADVICE)


async def from_environment(name: str) -> str:
    """A variable of the worker's environment."""
    value = _variables.get(name, os.environ.get(name))
    if value is None:
        raise LookupError("the worker's environment has no such variable")
    return value


async def from_file(path: str) -> str:
    """The text of a file, without a line break at its end."""
    return await asyncio.to_thread(_read, path)


async def from_vault(path: str) -> str:
    """What an installed vault says."""
    kind, _, rest = path.partition("/")
    found = entry_points(group=VAULTS, name=kind)
    if not found:
        raise LookupError(f"no vault of the kind {kind} is installed on the worker")
    resolver: Resolver = next(iter(found)).load()
    return await resolver(rest)


def _read(path: str) -> str:
    """Raises `LookupError`: a pipe would be waited for, and a file of any size read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise LookupError(os.strerror(error.errno or 0)) from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise LookupError("it is not a file")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise LookupError(f"the file is larger than {MOST_BYTES} bytes")
    try:
        return data.decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise LookupError("the file is not text") from error


LOCAL: dict[str, Resolver] = {"env": from_environment, "file": from_file, "vault": from_vault}
"""By scheme; blocks of Prefect are read in `flows.secret_blocks`, for nothing here knows Prefect."""
