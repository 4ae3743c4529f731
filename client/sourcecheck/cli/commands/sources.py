"""Commands about sources: list, show, add, edit, remove."""

import getpass
import sys
from pathlib import Path
from typing import Any

import msgspec

from sourcecheck.cli.command import Invocation, add_command
from sourcecheck.cli.output import Cell, state
from sourcecheck.cli.text import ago, brief, milliseconds
from sourcecheck.errors import SourcecheckError, reason_of
from sourcecheck.models import Source, Step


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    add_command(
        commands,
        "list",
        _list,
        "list the sources, those that did not pass first",
        "sourcecheck list\nsourcecheck list --json",
    )
    shown = add_command(commands, "show", _show, "show one source and its last test", "sourcecheck show Shop")
    shown.add_argument("source", metavar="NAME", help="name or id")
    new = add_command(
        commands,
        "add",
        _add,
        "register a source",
        "sourcecheck add Shop pg host=db.example user=me dbname=shop --ask password\n"
        "sourcecheck add Shop pg host=db.example user=me dbname=shop password=@file --temp-schema scratch",
    )
    new.add_argument("name", metavar="NAME", help="its name, as lists and alerts show it")
    new.add_argument(
        "type", metavar="TYPE", help="type of source, such as pg; an unknown one is answered with all types"
    )
    _add_fields(new, "a tag; repeat the option for several")
    change = add_command(
        commands,
        "edit",
        _edit,
        "change a source; what you leave out stays as it is",
        "sourcecheck edit Shop host=db2.example --ask password",
    )
    change.add_argument("source", metavar="NAME", help="name or id")
    change.add_argument("--name", help="its new name")
    _add_fields(change, "a tag, in place of its present ones; repeat the option for several")
    gone = add_command(commands, "remove", _remove, "remove a source and its history", "sourcecheck remove Shop --yes")
    gone.add_argument("source", metavar="NAME", help="name or id")
    gone.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _add_fields(parser: Any, tags: str) -> None:
    parser.add_argument("options", nargs="*", metavar="OPTION=VALUE", help="options of the type; @FILE reads the value")
    parser.add_argument(
        "--ask",
        action="append",
        default=[],
        metavar="OPTION",
        help="prompt for this option; what you type is not shown",
    )
    parser.add_argument(
        "--temp-schema", metavar="SCHEMA", help="where the test may write, as database.schema or schema"
    )
    parser.add_argument("--description", metavar="TEXT", help="what the source is, in your own words")
    parser.add_argument("--tag", action="append", dest="tags", metavar="TAG", help=tags)
    parser.add_argument("--from-json", metavar="FILE", help="more fields as a JSON object; - for standard input")


def _list(call: Invocation) -> int:
    sources = sorted(call.client.list_sources(), key=lambda source: (_verdict(source) != "failed", source.name))
    call.out.result(sources)
    if not sources and not call.out.json:
        call.out.say("There are no sources yet; `sourcecheck add --help` shows how to register one")
        return 0
    rows: list[list[Cell]] = [
        [str(s.id), s.name, s.type, state(_verdict(s)), ago(s.last_test.tested_at if s.last_test else None), _reason(s)]
        for s in sources
    ]
    call.out.table(["id", "name", "type", "last test", "when", "why"], rows)
    return 0


def _verdict(source: Source) -> str:
    if source.last_test is None:
        return "untested"
    return "failed" if any(step.failed for step in source.last_test.results) else "done"


def _reason(source: Source) -> str:
    steps = source.last_test.results if source.last_test else []
    return next((step.result.message for step in steps if step.failed and step.result), "")


def _show(call: Invocation) -> int:
    source = call.client.find(call.given.source)
    call.out.result(source)
    call.out.say(f"{source.name} (id {source.id}, {source.type})")
    facts = {**source.options, "temp_schema": source.temp_schema, "tags": ", ".join(source.tags or []) or None}
    facts |= {f"ssh_tunnel.{name}": value for name, value in (source.ssh_tunnel or {}).items()}
    call.out.table(["", ""], [[name, _shown(value)] for name, value in facts.items() if value is not None])
    if source.last_test:
        call.out.say(f"last test {ago(source.last_test.tested_at)}:")
        show_steps(call, source.last_test.results)
    return 0


def _shown(value: Any) -> str:
    """A value as the user would write it behind `OPTION=`: `true` rather than Python's `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def show_steps(call: Invocation, steps: list[Step]) -> None:
    """The steps as a table, and below it what to do about each failure."""
    rows: list[list[Cell]] = []
    for step in steps:
        found = step.result
        word = state(found.outcome if found else step.status.value)
        rows.append(
            [step.step, word, brief(found.message) if found else "", milliseconds(found.duration_ms if found else None)]
        )
    if rows:
        call.out.table(["step", "outcome", "what happened", "time"], rows)
    for step in steps:
        if step.failed and step.result and step.result.remediation:
            call.out.say(f"→ {step.result.error_code}: {step.result.remediation}")


def _add(call: Invocation) -> int:
    fields = {**_fields(call, call.given.type), "name": call.given.name, "type": call.given.type}
    fields.setdefault("options", {})
    source = call.client.create_source(fields)
    call.out.result(source)
    call.out.say(f"Registered {source.name} (id {source.id}); test it with: sourcecheck test {source.id}")
    return 0


def _edit(call: Invocation) -> int:
    source = call.client.find(call.given.source)
    fields = _fields(call, source.type) | ({"name": call.given.name} if call.given.name else {})
    if not fields:
        raise SourcecheckError("nothing to change: name an option as OPTION=VALUE, or a field such as --temp-schema")
    changed = call.client.update_source(source.id, fields)
    call.out.result(changed)
    call.out.say(f"Changed {changed.name} (id {changed.id})")
    return 0


def _remove(call: Invocation) -> int:
    source = call.client.find(call.given.source)
    if not call.is_sure(f"Remove {source.name} (id {source.id}) and its history?"):
        return 0
    call.client.delete_source(source.id)
    call.out.result({"removed": source.id})
    call.out.say(f"Removed {source.name} (id {source.id})")
    return 0


def _fields(call: Invocation, type_name: str) -> dict[str, Any]:
    """The fields that the options of the command say."""
    given = call.given
    fields = _from_json(given.from_json) if given.from_json else {}
    options: dict[str, Any] = dict(_option(text) for text in given.options)
    options |= {name: getpass.getpass(f"{name}: ") for name in given.ask}
    options = _typed(options, _forms(call, type_name)) if options else {}
    if options:
        fields["options"] = {**fields.get("options", {}), **options}
    named = {"temp_schema": given.temp_schema, "description": given.description, "tags": given.tags}
    return fields | {name: value for name, value in named.items() if value is not None}


def _option(text: str) -> tuple[str, str]:
    """`port=5432` as a name and a value; `rootcert=@FILE` reads the value. Raises `SourcecheckError`."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise SourcecheckError(f"{text!r} is not of the form OPTION=VALUE, such as host=db.example")
    if not value.startswith("@"):
        return name, value
    try:
        return name, Path(value[1:]).read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SourcecheckError(f"{name}: {reason_of(error)}") from error


def _forms(call: Invocation, type_name: str) -> dict[str, dict[str, Any]]:
    """The properties of a type's options, as the service publishes them; none for a type that it does not know."""
    types = call.client.source_types(every=True)
    known = next((found for found in types if found.type == type_name), None)
    return known.configuration_schema.get("properties", {}) if known else {}


def _typed(options: dict[str, Any], forms: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The options, with numbers and switches where the type wants them; the service judges what does not fit."""
    return {name: _value(text, forms.get(name, {}).get("type")) for name, text in options.items()}


def _value(text: str, kind: str | None) -> Any:
    if kind not in ("integer", "number", "boolean"):
        return text
    try:
        return msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        return text


def _from_json(path: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        return msgspec.json.decode(text, type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise SourcecheckError(f"{path}: {reason_of(error)}") from error
