"""Commands about sources as a file: apply, export, schema."""

import sys
from pathlib import Path
from typing import Any

from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation, add_command
from sourcecheck.cli.plan import lines, summary
from sourcecheck.errors import InvalidRequest, Problem, SourcecheckError
from sourcecheck.files.document import FileError
from sourcecheck.files.exported import write_sources
from sourcecheck.files.schema import schema_text
from sourcecheck.files.sources import SourcesFile, read_sources


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    apply = add_command(
        commands,
        "apply",
        _apply,
        "change the sources to what a file says, all of them or none",
        "sourcecheck apply sources.yaml --dry-run\n"
        "sourcecheck apply sources.yaml\n"
        "sourcecheck apply sources.yaml --prune --yes",
        notes="values: ${NAME}, ${NAME:-text}, ${file:PATH}, ${prefect-block:TYPE/NAME}; a secret that the file\n"
        "leaves out stays as it is. exit codes: 0 applied or planned, 2 the file has an error",
    )
    apply.add_argument("file", metavar="FILE", help="YAML or JSON; - for standard input")
    apply.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    apply.add_argument("--prune", action="store_true", help="remove every source that the file does not name")
    apply.add_argument("--yes", action="store_true", help="with --prune: do not ask for confirmation")
    apply.add_argument(
        "--fail-on-change", action="store_true", help="with --dry-run: exit code 1 if something would change"
    )
    out = add_command(
        commands,
        "export",
        _export,
        "write the sources as a file that apply takes, without secrets",
        "sourcecheck export sources.yaml\nsourcecheck export --json",
    )
    out.add_argument("file", nargs="?", metavar="FILE", help="default: standard output")
    schema = add_command(
        commands,
        "schema",
        _schema,
        "write the JSON Schema of a file of sources, for editors",
        "sourcecheck schema sources.schema.json",
    )
    schema.add_argument("file", nargs="?", metavar="FILE", help="default: standard output")


def _apply(call: Invocation) -> int:
    given = call.given
    if given.yes and not given.prune:
        raise SourcecheckError("--yes goes with --prune")
    if given.fail_on_change and not given.dry_run:
        raise SourcecheckError("--fail-on-change goes with --dry-run")
    file = read_sources(given.file)
    try:
        if given.dry_run or (given.prune and not given.yes):
            plan = call.client.apply_sources(file.sources, dry_run=True, prune=given.prune)
            _show(call, plan)
            if given.dry_run:
                changes = any(change.action != "unchanged" for change in plan.changes)
                return exits.FAILED if given.fail_on_change and changes else exits.PASSED
            if not _may_remove(call, sum(change.action == "remove" for change in plan.changes)):
                return exits.PASSED
            _finish(call, file, show=False)
        else:
            _finish(call, file, show=True)
    except InvalidRequest as error:
        for problem in error.problems:
            call.out.complain(str(located(file, problem)))
        if not error.problems:
            raise
        return exits.WRONG_CALL
    return exits.PASSED


def _finish(call: Invocation, file: SourcesFile, *, show: bool) -> None:
    applied = call.client.apply_sources(file.sources, prune=call.given.prune)
    call.out.result(applied)
    for line in lines(applied.changes) if show else []:
        call.out.say(line)
    call.out.say(summary(applied))


def _show(call: Invocation, plan: Any) -> None:
    if call.given.dry_run:
        call.out.result(plan)
    for line in lines(plan.changes):
        call.out.say(line)
    call.out.say(summary(plan))


def _may_remove(call: Invocation, count: int) -> bool:
    if not count:
        return True
    if not sys.stdin.isatty():
        raise SourcecheckError("add --yes: there is no terminal to ask on")
    if input(f"Remove {count} sources and their history? [y/N] ").strip().lower() in ("y", "yes"):
        return True
    call.out.say("Nothing was changed")
    return False


def located(file: SourcesFile, problem: Problem) -> FileError:
    """A complaint of the service, at the line and the column of what it is about."""
    way = [part for part in problem.loc if part != "body"]
    if len(way) < 2 or way[0] != "sources" or not isinstance(way[1], int):
        return FileError(file.document.name, None, str(problem))
    field = ".".join(str(part) for part in way[2:])
    sentence = ": ".join(part for part in (file.name_of(way[1]), field, problem.msg) if part)
    return file.document.error(way, sentence)


def _export(call: Invocation) -> int:
    found = call.client.export_sources()
    call.out.result({"sources": found.sources})
    text = write_sources(found.sources, {name: [_kept(fields)] for name, fields in found.secrets.items()})
    if call.given.file:
        Path(call.given.file).write_text(text, encoding="utf-8")
        call.out.say(f"{len(found.sources)} sources in {call.given.file}")
    elif not call.out.json and not call.out.quiet:
        sys.stdout.write(text)
    return exits.PASSED


def _kept(fields: list[str]) -> str:
    return f"Not exported, as secrets stay in the service: {', '.join(fields)}"


def _schema(call: Invocation) -> int:
    if call.given.file:
        Path(call.given.file).write_text(schema_text(), encoding="utf-8")
        call.out.say(f"The schema is in {call.given.file}")
    else:
        sys.stdout.write(schema_text())
    return exits.PASSED
