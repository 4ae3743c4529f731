"""The commands of the service: run it, set it up, administrate it."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext, redirect_stdout, suppress
from importlib.metadata import version
from typing import Any, TypeVar, cast

from datasources.model.errors import SettingsError, SourcecheckError
from datasources.model.settings import Settings

T = TypeVar("T")
Command = Callable[[Settings, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit code 0 is good, 1 is a failure, 2 is a setting or argument at fault, 130 is Ctrl-C."""
    sys.exit(_carry_out(parser().parse_args(arguments)))


def _carry_out(given: argparse.Namespace) -> int:
    if given.answers:
        from sourcecheck.cli.output import Output

        given.out = Output(json=given.json, quiet=given.quiet)
    try:
        return cast(int, given.command(Settings.load(), given))
    except SettingsError as error:
        return _complain(error, 2)
    except SourcecheckError as error:
        return _complain(error, 1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


def parser() -> argparse.ArgumentParser:
    """These commands by themselves, for the parts of a stack and where the client is not at hand."""
    root = argparse.ArgumentParser(prog="sourcecheck", description="Is every data source reachable and ready?")
    root.add_argument("--version", action="version", version=f"sourcecheck {version('sourcecheck')}")
    add_commands(root.add_subparsers(required=True, metavar="COMMAND"))
    return root


def add_commands(commands: Any) -> None:
    """Add every command of the service to argparse's subparsers."""
    from deployments.cli import admin, automations

    _add(commands, "demo", _demo, "start everything, test a demo database, and stop", "sourcecheck demo", serves=True)
    _add(commands, "up", _up, "start everything and serve until Ctrl-C", "sourcecheck up", serves=True)
    _add(
        commands,
        "doctor",
        _doctor,
        "show settings, versions and disk, and which parts answer and how fast",
        "sourcecheck doctor",
    )
    _add(commands, "migrate", _migrate, "bring the catalogue's tables up to date", "sourcecheck migrate")
    _add(commands, "serve", _serve, "run the API on its own", "sourcecheck serve", serves=True).add_argument(
        "--fd", type=int, help=argparse.SUPPRESS
    )
    _add(commands, "deploy", _deploy, "make the work pool and apply prefect.yaml", "sourcecheck deploy")
    worker = _add(
        commands,
        "worker",
        _worker,
        "run a worker for the work pool",
        "sourcecheck worker --name two --deploy",
        serves=True,
    )
    worker.add_argument(
        "--name", default=os.uname().nodename, help="name of the worker in Prefect (default: the host's name)"
    )
    worker.add_argument("--deploy", action="store_true", help="run `deploy` first")
    _add(commands, "prefect-server", _prefect_server).add_argument(
        "--fd", type=int, required=True, help=argparse.SUPPRESS
    )
    _add(
        commands, "revision", _revision, "write a migration for a changed tables.py", "sourcecheck revision add_column"
    ).add_argument("message", metavar="MESSAGE", help="what the migration does")
    automations.add_commands(commands, _add)
    admin.add_commands(commands, _add)


def _add(
    commands: Any, name: str, command: Command, text: str = "", examples: str = "", *, serves: bool = False
) -> argparse.ArgumentParser:
    """A command with its `examples`, which are command lines; without a text, the help does not name it.

    One that `serves` has no answer; every other one finds in `given.out` where to write it, for people or as JSON.
    """
    shown: dict[str, Any] = {"help": text, "description": f"{text[0].upper()}{text[1:]}."} if text else {}
    if examples:
        shown["epilog"] = "\n".join(["examples:", *(f"  {line}" for line in examples.splitlines())])
        shown["formatter_class"] = argparse.RawDescriptionHelpFormatter
    found: argparse.ArgumentParser = commands.add_parser(name, **shown)
    answers = bool(text) and not serves
    found.set_defaults(command=command, run=lambda call: _carry_out(call.given), answers=answers)
    if answers:
        found.add_argument("--json", action="store_true", help="write the result as JSON")
        found.add_argument("--quiet", "-q", action="store_true", help="write errors only")
    return found


def _up(settings: Settings, _: argparse.Namespace) -> int:
    from deployments.cli.up import up

    return _until_signal(up(settings))


def _demo(settings: Settings, _: argparse.Namespace) -> int:
    from deployments.cli.demo import demo

    return _until_signal(demo(settings))


def _doctor(settings: Settings, given: argparse.Namespace) -> int:
    from deployments.cli.doctor import doctor

    return doctor(settings, given.out)


def _migrate(settings: Settings, given: argparse.Namespace) -> int:
    from datasources.catalogue.migrate import upgrade
    from deployments.stack.local import with_local_defaults

    revision = upgrade(with_local_defaults(settings))
    given.out.result({"revision": revision})
    given.out.say(f"The catalogue is at revision {revision}")
    return 0


def _serve(settings: Settings, given: argparse.Namespace) -> int:
    from deployments.serve.logs import arrange_logs
    from deployments.serve.servers import serve_api
    from deployments.stack.local import export, with_local_defaults

    settings = with_local_defaults(settings)
    if given.fd is None:
        _refuse_another_revision(settings)
    export(settings)
    arrange_logs(settings)
    serve_api(settings, given.fd)
    return 0


def _prefect_server(settings: Settings, given: argparse.Namespace) -> int:
    from deployments.serve.logs import arrange_logs
    from deployments.serve.servers import serve_prefect

    arrange_logs(settings)
    serve_prefect(settings, given.fd)
    return 0


def _deploy(settings: Settings, given: argparse.Namespace) -> int:
    from deployments.cli.deploy import deploy
    from deployments.stack.local import set_prefect_url, with_local_defaults

    settings = with_local_defaults(settings)
    set_prefect_url(settings)
    with redirect_stdout(sys.stderr) if given.json or given.quiet else nullcontext():  # Prefect's own words
        deploy(settings)
    given.out.result({"work_pool": settings.work_pool})
    return 0


def _worker(settings: Settings, given: argparse.Namespace) -> int:
    from datasources.secrecy.vault import Vault
    from deployments.cli._prefect import prefect
    from deployments.cli.deploy import deploy, worker_arguments
    from deployments.serve.logs import arrange_logs, print_into_log, start_logging
    from deployments.serve.servers import quick_import
    from deployments.stack.local import export, set_prefect_url, with_local_defaults
    from deployments.stack.prefect_env import WORKER
    from deployments.worker.processes.pool import WARM, spawn_early

    settings = with_local_defaults(settings)
    Vault.from_settings(settings)  # without its keys it could only fail
    set_prefect_url(settings)
    if not given.deploy:
        _refuse_another_revision(settings)
    export(settings)
    arrange_logs(settings)
    for name, value in WORKER.items():
        os.environ.setdefault(name, value)
    if settings.work_pool_type == WARM:
        spawn_early()
    with quick_import():
        import flows.check_source  # noqa: F401
    start_logging(settings)
    print_into_log(settings)
    if given.deploy:
        deploy(settings, wait=120)
    return prefect(*worker_arguments(settings, given.name))


def _refuse_another_revision(settings: Settings) -> None:
    """Not in the local stack, which migrates first. A catalogue that is away may come back: readiness names it."""
    from datasources.catalogue.migrate import CatalogueUnreachable, ensure_current

    with suppress(CatalogueUnreachable):
        ensure_current(settings)


def _revision(_: Settings, given: argparse.Namespace) -> int:
    from deployments.cli.revision import write_revision

    file = _until_signal(write_revision(given.message))
    given.out.result({"file": str(file)})
    given.out.say(f"Wrote {file}")
    return 0


def _until_signal(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, or until Ctrl-C, a hang-up or a request to stop, which all let it clean up.

    A second one changes nothing: a stop that is cut off would leave programs behind.
    """

    async def watched() -> T:
        task = asyncio.ensure_future(work)

        def stop() -> None:
            if not task.cancelling():
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup has it ignored
                asyncio.get_running_loop().add_signal_handler(number, stop)
        return await task

    return asyncio.run(watched())


def _complain(error: Exception, code: int) -> int:
    print(f"sourcecheck: {error}", file=sys.stderr)
    return code
