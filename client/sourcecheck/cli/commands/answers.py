"""Commands that act on a test under way: confirm, authenticate, cancel."""

import getpass
import sys
from typing import Any

from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation, add_command
from sourcecheck.cli.commands.testing import block
from sourcecheck.errors import SourcecheckError
from sourcecheck.models import Job


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    confirm = add_command(
        commands,
        "confirm",
        _confirm,
        "approve what a test asks about, and wait for its verdict",
        "sourcecheck confirm 12 SHA256:…    # a gateway's key\nsourcecheck confirm 13               # a query",
    )
    confirm.add_argument("job", type=int, metavar="JOB", help="the job's id, as `sourcecheck test` shows it")
    confirm.add_argument(
        "fingerprint", nargs="?", metavar="FINGERPRINT", help="the exact fingerprint of the gateway's key"
    )
    secret = add_command(
        commands,
        "authenticate",
        _authenticate,
        "give a test the secret that it waits for",
        "sourcecheck authenticate 12 --save\nsourcecheck authenticate 12 --private-key ~/.ssh/id_ed25519\n"
        "sourcecheck authenticate 12 --file key.json        # a secret of several lines",
    )
    secret.add_argument("job", type=int, metavar="JOB", help="the job's id, as `sourcecheck test` shows it")
    secret.add_argument("--save", action="store_true", help="keep the secret with the source, for later tests")
    secret.add_argument("--private-key", metavar="FILE", help="a private key instead of a password")
    secret.add_argument(
        "--name", help="which secret this is, if the test takes several (default: the first one that it asks for)"
    )
    secret.add_argument("--file", metavar="FILE", help="read the secret from a file")
    stop = add_command(commands, "cancel", _cancel, "cancel a test that waits, runs or asks", "sourcecheck cancel 12")
    stop.add_argument("job", type=int, metavar="JOB", help="the job's id, as `sourcecheck test` shows it")


def _confirm(call: Invocation) -> int:
    call.client.confirm(call.given.job, call.given.fingerprint)
    return _verdict(call, call.client.wait_for(call.given.job))


def _authenticate(call: Invocation) -> int:
    name = "private_key" if call.given.private_key else call.given.name or _asked(call)
    if file := call.given.private_key or call.given.file:
        try:
            with open(file, encoding="utf-8") as opened:
                secret = opened.read()
        except (OSError, UnicodeDecodeError) as error:
            raise SourcecheckError(str(error)) from error
    else:
        secret = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    call.client.authenticate(call.given.job, save=call.given.save, **{name: secret})
    return _verdict(call, call.client.wait_for(call.given.job))


def _asked(call: Invocation) -> str:
    """The first secret that the test asks for, by the name that its type has for it."""
    question = call.client.get_job(call.given.job).question
    return question.missing[0] if question and question.missing else "password"


def _cancel(call: Invocation) -> int:
    job = call.client.cancel(call.given.job)
    call.out.result(job)
    call.out.say(f"Test {job.id} is {job.status.value}")
    return 0


def _verdict(call: Invocation, job: Job) -> int:
    call.out.result(job)
    call.out.console.print(block("Test", job))
    return exits.of_jobs([job])
