"""Reads as much of a compose file as ours says (docs/scale.md): services, what they need, and how each is healthy."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<kind>:[?-])(?P<text>[^}]*))?\})")
STARTED, HEALTHY, COMPLETED = "service_started", "service_healthy", "service_completed_successfully"
SECONDS = re.compile(r"(\d+)s")
DEFAULT_NETWORK = "default"


class UnsetVariableError(Exception):
    """The file needs a variable that has no value."""


class Healthcheck(Struct, frozen=True):
    """When a service counts as healthy."""

    command: tuple[str, ...]
    interval: float
    timeout: float
    retries: int


class Service(Struct, frozen=True, kw_only=True):
    """One service, every variable filled in."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    needs: dict[str, str] = {}
    """The condition that each of these services has to meet before this one starts."""
    health: Healthcheck | None = None
    mounts: dict[str, str] = {}
    """Files of the project by where the service sees them; named volumes are not among them."""
    networks: tuple[str, ...] = (DEFAULT_NETWORK,)
    ports: tuple[str, ...] = ()
    restarts: bool = False
    replicas: int = 1


def read_compose(file: Path, environ: Mapping[str, str]) -> dict[str, Service]:
    """The services by name. Raises `UnsetVariableError`, and `KeyError` for a key that is not understood here."""
    content = _filled(yaml.safe_load(file.read_text()), environ)
    return {name: _service(name, given, file.parent) for name, given in content["services"].items()}


def fill(text: str, environ: Mapping[str, str]) -> str:
    """The text with its variables filled in as Compose does it: `${A}`, `${A:-default}`, `${A:?}`, `$$`."""

    def value(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        given = environ.get(found["name"], "")
        if not given and found["kind"] == ":?":
            raise UnsetVariableError(found["name"])
        return given or (found["text"] or "" if found["kind"] == ":-" else "")

    return VARIABLE.sub(value, text)


def _filled(part: Any, environ: Mapping[str, str]) -> Any:
    match part:
        case dict():
            return {name: _filled(value, environ) for name, value in part.items()}
        case list():
            return [_filled(value, environ) for value in part]
        case str():
            return fill(part, environ)
    return part


UNDERSTOOD = {"image", "restart", "command", "environment", "depends_on", "healthcheck", "volumes", "networks", "ports"}
KNOWN = UNDERSTOOD | {"deploy", "build", "stop_grace_period"}
"""What of a service is understood, or means nothing where there is no container."""


def _service(name: str, given: Mapping[str, Any], folder: Path) -> Service:
    if unknown := given.keys() - KNOWN:
        raise KeyError(f"{name}: {', '.join(sorted(unknown))}")
    command = given.get("command", ())
    needs = given.get("depends_on", {})
    files = [volume.split(":") for volume in given.get("volumes", ()) if volume.startswith(".")]
    return Service(
        name=name,
        image=given["image"],
        command=tuple(shlex.split(command) if isinstance(command, str) else command),
        environment={key: str(value) for key, value in given.get("environment", {}).items()},
        needs={other: condition["condition"] for other, condition in needs.items()},
        health=_health(given.get("healthcheck")),
        mounts={target: str((folder / source).resolve()) for source, target, *_ in files},
        networks=tuple(given.get("networks", (DEFAULT_NETWORK,))),
        ports=tuple(given.get("ports", ())),
        restarts=given.get("restart") == "unless-stopped",
        replicas=given.get("deploy", {}).get("replicas", 1),
    )


def _health(given: Mapping[str, Any] | None) -> Healthcheck | None:
    if given is None or given.get("disable"):
        return None
    kind, *words = given["test"]
    command = ("sh", "-c", *words) if kind == "CMD-SHELL" else tuple(words)
    return Healthcheck(command, _seconds(given["interval"]), _seconds(given["timeout"]), given["retries"])


def _seconds(text: str) -> float:
    found = SECONDS.fullmatch(text)
    assert found, text  # noqa: S101 -- our own file
    return float(found[1])
