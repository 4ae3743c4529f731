"""What a stored source is after a client's change: a secret that is not given again stays, and goes nowhere else."""

from collections.abc import Sequence
from typing import Any

from api.wire.errors import Invalid
from api.wire.faults import Fault
from api.wire.registration import hidden_in, parse, stored_options, stored_secrets
from datasources.catalogue.sources import source_of
from datasources.catalogue.tables import DataSource
from datasources.databases import ALIASES, DATABASES
from datasources.model.source import Options, Source, SshTunnel
from datasources.secrecy.vault import Vault

AGAIN = "Give the secret again when you change where it is sent"


def merged(row: DataSource, change: dict[str, Any], vault: Vault) -> tuple[dict[str, Any], list[Fault]]:
    """What the source is after a change, and what is wrong with it: absence means unchanged, secrets included.

    A change of the destination that comes without the secret is a fault, and so is another type.
    """
    if "options" in change:
        change = change | {"options": DATABASES[row.type].options.under_own_names(change["options"])}
    secrets = stored_secrets(row, vault)
    whole: dict[str, Any] = {**row.fields, "name": row.name, "type": row.type, "temp_schema": row.temp_schema}
    found = hidden_in({name: value for name, value in change.items() if value != whole.get(name)})
    for group, stored in (("options", row.options), ("ssh_tunnel", row.ssh_tunnel)):
        fields = SshTunnel if group == "ssh_tunnel" else DATABASES[row.type].options
        whole[group], lost = _merged_group(group, stored, secrets.get(group, {}), change, fields)
        found += lost
    wanted_type = change.get("type", row.type)
    if isinstance(wanted_type, str) and ALIASES.get(wanted_type, wanted_type) != row.type:
        found += Invalid(["body", "type"], "The type of a source cannot be changed").errors
    if _moved(row.ssh_tunnel, whole["ssh_tunnel"], SshTunnel):
        given = change.get("options")
        for name in secrets.get("options", {}):
            if isinstance(given, dict) and given.get(name) is not None:
                continue
            sentence = "Give the secret again when you change the tunnel"
            found += Invalid(["body", "options", name], sentence, "missing").errors
    whole |= {n: v for n, v in change.items() if n not in ("options", "ssh_tunnel", "type")}
    return whole, found


def replaced(
    row: DataSource, wanted: dict[str, Any], vault: Vault, found: Sequence[Fault] = ()
) -> tuple[Source, dict[str, Any]]:
    """What the source is when a file says everything about it but its secrets: those that it leaves out stay.

    Raises `Invalid` when the destination changes and a secret is not given again (security row 7).
    """
    wanted_type = ALIASES.get(str(wanted.get("type")), str(wanted.get("type")))
    if wanted_type in DATABASES and wanted_type != row.type:
        raise Invalid(["body", "type"], f"The type of a source cannot be changed; {row.name!r} is {row.type}")
    wanted = wanted | {"options": DATABASES[row.type].options.under_own_names(wanted.get("options"))}
    secrets = stored_secrets(row, vault)
    whole = dict(wanted)
    for group in ("options", "ssh_tunnel"):
        given, kept = wanted.get(group), secrets.get(group, {})
        if isinstance(given, dict):
            whole[group] = kept | {name: value for name, value in given.items() if value is not None}
    source, fields = parse(whole, found, stored_options(row, vault))
    _refuse_moved(source_of(row, vault), source, wanted, secrets)
    return source, fields


def _refuse_moved(before: Source, after: Source, wanted: dict[str, Any], secrets: dict[str, dict[str, str]]) -> None:
    tunnel_moved = _moved(_public(before.ssh_tunnel), _public(after.ssh_tunnel), SshTunnel)
    options = type(after.options)
    believed = _believes_another(secrets.get("options", {}), wanted.get("options"), options)
    moved = {
        "options": tunnel_moved or believed or _moved(before.options.public(), after.options.public(), options),
        "ssh_tunnel": tunnel_moved and after.ssh_tunnel is not None,
    }
    for group in (group for group, has_moved in moved.items() if has_moved):
        for name in secrets.get(group, {}):
            if (wanted.get(group) or {}).get(name) is None:
                raise Invalid(["body", group, name], AGAIN, "missing")


def _public(part: SshTunnel | None) -> dict[str, Any] | None:
    return part.public() if part else None


def _merged_group(
    group: str,
    stored: dict[str, Any] | None,
    secrets: dict[str, str],
    change: dict[str, Any],
    fields: type[SshTunnel | Options],
) -> tuple[Any, list[Fault]]:
    if group not in change or (group == "options" and change[group] is None):
        return (None if stored is None else stored | secrets), []
    given = change[group]
    if not isinstance(given, dict):
        return given, []
    # A published client sends back what it got: a null where the secret is.
    given = {name: value for name, value in given.items() if not (name in secrets and value is None)}
    after = (stored or {}) | given
    moved = _moved(stored, after, fields) or _believes_another(secrets, given, fields)
    lost = [name for name in secrets if name not in given] if moved else []
    found = [fault for name in lost for fault in Invalid(["body", group, name], AGAIN, "missing").errors]
    return (stored or {}) | secrets | given, found


def _moved(before: dict[str, Any] | None, after: Any, fields: type[SshTunnel | Options]) -> bool:
    """Whether a stored secret would travel elsewhere, or less safely (security row 7)."""
    if not isinstance(after, dict) or before is None:
        return before is not None or after is not None
    return any(before.get(name) != after.get(name) for name in fields.destination_fields)


def _believes_another(secrets: dict[str, str], given: Any, fields: type[SshTunnel | Options]) -> bool:
    """Whether a secret that is given says that another server is believed than the stored one does."""
    if not isinstance(given, dict):
        return False
    return any(given.get(name) not in (None, secrets.get(name)) for name in fields.trust_fields)
