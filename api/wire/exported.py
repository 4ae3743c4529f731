"""Sources as a file declares them, from the catalogue: what `apply` takes for no change."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from msgspec import Struct

from api.wire.declared import DEFAULTS, SCHEDULE, defaults_of
from datasources.catalogue.health.timetables import own_plan
from datasources.catalogue.tables import DataSource
from datasources.databases import DATABASES
from datasources.model.inputs.secret_references import FIELD
from datasources.model.source import SshTunnel
from datasources.secrecy.vault import Vault


class Exported(Struct, frozen=True):
    """Every source of the organization, and which secrets the service keeps for each."""

    sources: list[dict[str, Any]]
    secrets: dict[str, list[str]]
    """By the source's name: the fields that a file may leave out, because the service has them."""

    @classmethod
    def of(cls, sources: Iterable[tuple[dict[str, Any], list[str]]]) -> Self:
        """All of these, each as `exported` has it."""
        found = list(sources)
        return cls([source for source, _ in found], {source["name"]: names for source, names in found if names})


def exported(row: DataSource, vault: Vault) -> tuple[dict[str, Any], list[str]]:
    """What a file says about a source, and which of its secrets are kept. Raises `SecretsError`."""
    kept = vault.open(row.secret)
    return _source(row), [f"{group}.{name}" for group, values in kept.items() for name in values]


def _source(row: DataSource) -> dict[str, Any]:
    found: dict[str, Any] = {"name": row.name, "type": row.type}
    found["options"] = _unlike(row.options, defaults_of(DATABASES[row.type].options))
    if row.ssh_tunnel:
        found["ssh_tunnel"] = _unlike(row.ssh_tunnel, defaults_of(SshTunnel))
    found |= {"temp_schema": row.temp_schema} if row.temp_schema else {}
    found |= _unlike({name: value for name, value in row.fields.items() if name != FIELD}, DEFAULTS)
    for place, reference in (row.fields.get(FIELD) or {}).items():
        group, _, name = place.partition(".")
        found[group][name] = reference
    plan = own_plan(row)
    if plan and not plan.rrule:  # what is left out here is left alone there
        paused = found.get("is_paused")  # then every schedule is, and starts again with the source
        found[SCHEDULE] = {
            name: int(value) if isinstance(value, float) and value.is_integer() else value  # as apply takes it: no 60.0
            for name, value in plan.plain().items()
            if not (paused and name == "active")
        }
    return found


def _unlike(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != defaults.get(name)}
