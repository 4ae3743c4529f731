"""Lines that tell the user how to go on."""

import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from datasources.catalogue.engine import session_scope
from datasources.catalogue.organizations.accounts import authenticate
from datasources.catalogue.organizations.sign_ins import make_link
from deployments.stack.catalogue import KEY_FILE
from deployments.stack.start import Stack


def program() -> str:
    """How the user calls this program from the current folder: its name where PATH leads to it, its path otherwise."""
    installed = Path(sys.executable).with_name("sourcecheck")
    found = shutil.which("sourcecheck")
    if found and Path(found).resolve() == installed.resolve():
        return "sourcecheck"
    if not installed.exists():
        return f"{shlex.quote(sys.executable)} -m deployments.cli"
    with suppress(ValueError):
        installed = installed.relative_to(Path.cwd())
    return shlex.quote(str(installed))


def first_request(stack: Stack) -> list[str]:
    """Two lines for a shell that list the sources of a running stack; they show no key."""
    file = shlex.quote(str(stack.home.secret_file(KEY_FILE)))
    key = "$SOURCECHECK_BOOTSTRAP_KEY" if stack.settings.bootstrap_key else f"$(cat {file})"
    return [f'KEY="Authorization: Key {key}"', f'curl -s {stack.addresses.api}/api/v1/data_sources -H "$KEY"']


async def page_address(stack: Stack) -> str:
    """An address that signs a browser in to the pages, once, as the owner of the stack's key."""
    async with session_scope(stack.settings) as session:
        caller = await authenticate(session, stack.addresses.key)
        token = await make_link(session, caller.key_id) if caller else ""
    return f"{stack.addresses.api}/sign-in/{token}"
