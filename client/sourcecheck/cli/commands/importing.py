"""The command `import`: connections that people already have, as a file of sources, or registered at once."""

import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation, add_command, add_group
from sourcecheck.cli.plan import lines, summary
from sourcecheck.errors import SourcecheckError
from sourcecheck.files.exported import Placeholder, write_sources
from sourcecheck.files.sources import filled_sources
from sourcecheck.importing.found import Found, placeholder_for
from sourcecheck.importing.types import secret_options

Read = Callable[[Invocation], Found]


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    places = add_group(commands, "import", "make sources from connections that you already have", metavar="FROM")
    dbt = _add(places, "dbt", _dbt, "import every target of dbt's profiles", "sourcecheck import dbt ~/.dbt --apply")
    dbt.add_argument("path", nargs="?", metavar="PATH", help="profiles.yml or its folder (default: ~/.dbt)")
    airflow = _add(
        places,
        "airflow",
        _airflow,
        "import Airflow's connections: variables AIRFLOW_CONN_…, or a file of `airflow connections export`",
        "sourcecheck import airflow\nsourcecheck import airflow connections.json --out sources.yaml",
    )
    airflow.add_argument("path", nargs="?", metavar="FILE", help="default: the variables of the environment")
    prefect = _add(
        places,
        "prefect",
        _prefect,
        "import blocks of prefect-sqlalchemy, through your profile",
        "sourcecheck import prefect",
    )
    prefect.add_argument("blocks", nargs="*", metavar="NAME", help="default: every such block")
    service = _add(
        places,
        "pg-service",
        _pg_service,
        "import every service of libpq's connection service file",
        "sourcecheck import pg-service ~/.pg_service.conf",
    )
    service.add_argument("path", nargs="?", metavar="FILE", help="default: $PGSERVICEFILE, or ~/.pg_service.conf")
    addresses = _add(
        places,
        "sqlalchemy",
        _sqlalchemy,
        "import SQLAlchemy's URLs, with or without a name",
        "sourcecheck import sqlalchemy Shop=postgresql+psycopg2://me:secret@db.example/shop\n"
        "sourcecheck import sqlalchemy - < addresses",
    )
    addresses.add_argument(
        "addresses", nargs="+", metavar="[NAME=]URL", help="- reads one per line from standard input"
    )
    datafold = _add(
        places,
        "datafold",
        _datafold,
        "import the sources of a service with Datafold's API; prompts for their secrets",
        "sourcecheck import datafold https://app.datafold.com",
    )
    datafold.add_argument("address", metavar="URL", help="prompts for the key unless DATAFOLD_API_KEY holds it")


def _add(places: Any, name: str, read: Read, summary_of: str, examples: str) -> Any:
    command = add_command(
        places,
        name,
        lambda call: _import(call, read),
        summary_of,
        examples,
        notes="a file gets ${NAME} in place of a secret; exit code 2 if nothing could be imported",
    )
    command.add_argument("--out", metavar="FILE", help="write the file of sources here (default: standard output)")
    command.add_argument("--with-secrets", action="store_true", help="write secrets into the file, in clear")
    command.add_argument("--apply", action="store_true", help="register them at once instead of writing a file")
    command.add_argument("--dry-run", action="store_true", help="with --apply: show what would change")
    return command


def _import(call: Invocation, read: Read) -> int:
    given = call.given
    if given.apply and (given.out or given.with_secrets):
        raise SourcecheckError("--apply writes no file")
    if given.dry_run and not given.apply:
        raise SourcecheckError("--dry-run goes with --apply")
    found = read(call)
    for refused in found.refused:
        call.out.note(f"refused {refused.name}: {refused.reason}")
    if not found.sources:
        raise SourcecheckError("there is nothing to import")
    _number_names(found)
    return _register(call, found) if given.apply else _write(call, found)


def _number_names(found: Found) -> None:
    """The name of a source is its own: what comes later under the same name gets a number."""
    seen: set[str] = set()
    for source in found.sources:
        name, number = source["name"], 2
        while source["name"] in seen:
            source["name"], number = f"{name} {number}", number + 1
        seen.add(source["name"])


def _register(call: Invocation, found: Found) -> int:
    for name, notes in found.notes.items():
        call.out.note(f"{name}: {'; '.join(notes)}")
    sources = filled_sources(found.sources)
    applied = call.client.apply_sources(sources, dry_run=call.given.dry_run)
    call.out.result(applied)
    for line in lines(applied.changes):
        call.out.say(line)
    call.out.say(summary(applied))
    return exits.PASSED


def _write(call: Invocation, found: Found) -> int:
    if not call.given.with_secrets:
        for source in found.sources:
            for name in secret_options(source):
                source["options"][name] = placeholder_for(source["name"], name)
    text = write_sources(found.sources, found.notes)
    call.out.result({"sources": found.sources, "refused": found.refused})
    if call.given.out:
        with open(os.open(call.given.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        call.out.say(f"{len(found.sources)} sources in {call.given.out}; next: sourcecheck apply {call.given.out}")
    elif not call.out.json and not call.out.quiet:
        sys.stdout.write(text)
    return exits.PASSED


def _dbt(call: Invocation) -> Found:
    from sourcecheck.importing.dbt import from_profiles

    return from_profiles(Path(call.given.path or os.environ.get("DBT_PROFILES_DIR") or "~/.dbt").expanduser())


def _airflow(call: Invocation) -> Found:
    from sourcecheck.importing.airflow import from_environment, from_export

    return from_export(Path(call.given.path)) if call.given.path else from_environment()


def _prefect(call: Invocation) -> Found:
    from sourcecheck.importing.prefect import from_prefect

    return from_prefect(call.given.blocks)


def _pg_service(call: Invocation) -> Found:
    from sourcecheck.importing.pg_service import from_service_file

    default = os.environ.get("PGSERVICEFILE") or "~/.pg_service.conf"
    return from_service_file(Path(call.given.path or default).expanduser())


def _sqlalchemy(call: Invocation) -> Found:
    from sourcecheck.importing.addresses import from_addresses

    texts = call.given.addresses
    if texts == ["-"]:
        texts = [line.strip() for line in sys.stdin if line.strip() and not line.startswith("#")]
    return from_addresses(_named(text) for text in texts)


def _named(text: str) -> tuple[str, str]:
    """`NAME=URL`, or a URL whose own parameters have the first equals sign."""
    name, sign, address = text.partition("=")
    return (name, address) if sign and "://" not in name else ("", text)


def _datafold(call: Invocation) -> Found:
    from sourcecheck.importing.datafold import from_datafold, secrets_to_ask

    key = os.environ.get("DATAFOLD_API_KEY") or getpass.getpass("API key of that service: ")
    found = from_datafold(call.given.address, key)
    for source in found.sources:
        for name in secrets_to_ask(source):
            _ask(call, source, name)
    return found


def _ask(call: Invocation, source: dict[str, Any], name: str) -> None:
    """On a terminal, an answer that is empty leaves the secret out; elsewhere a file gets a variable."""
    if sys.stdin.isatty():
        if secret := getpass.getpass(f"{name} of {source['name']} (empty for none): "):
            source["options"][name] = secret
    elif name == "password":
        source["options"][name] = Placeholder(placeholder_for(source["name"], name))
