"""`sourcecheck up`: the local stack, until the user stops it."""

import asyncio
import os
import time

from rich.console import Console

from datasources.model.settings import Settings
from deployments.cli.hints import first_request, page_address
from deployments.stack.catalogue import KEY_FILE
from deployments.stack.start import Stack, running

console = Console(highlight=False, soft_wrap=True)


async def up(settings: Settings) -> int:
    """Start, say where everything is, and serve. Ends by being cancelled."""
    began = time.monotonic()
    say(f"starting in {settings.home_path}")
    try:
        async with running(settings, say) as stack:
            _show_addresses(stack)
            say(f"[bold green]ready[/] after {time.monotonic() - began:.1f} s; Ctrl-C stops everything")
            _show_next(stack)
            say(f"page        {await page_address(stack)}  signs a browser in, once and within the hour")
            await asyncio.Event().wait()
    finally:
        say("stopped")
    return 0


def say(text: str) -> None:
    """A line for people, at once."""
    console.print(text)


def _show_addresses(stack: Stack) -> None:
    """Where each part answers, and where the key is."""
    given = stack.settings.bootstrap_key
    key = "the one in SOURCECHECK_BOOTSTRAP_KEY" if given else f"in {stack.home.secret_file(KEY_FILE)}"
    say(f"API         {stack.addresses.api}")
    say(f"API docs    {stack.addresses.docs}")
    say(f"Prefect UI  {stack.addresses.prefect_ui}{_asking(stack)}")
    say(f"API key     {key}")


def _show_next(stack: Stack) -> None:
    """What to type first, in another terminal."""
    say('next        in another terminal; README.md goes on from there ("Test your own database")')
    for line in first_request(stack):
        console.print(f"  {line}", markup=False)


def _asking(stack: Stack) -> str:
    """Where to find what the UI asks for."""
    from deployments.stack.credential import CLIENT, FILE, SERVER, given_credential

    if given_credential():
        return f", which asks for the credential in {SERVER if os.environ.get(SERVER) else CLIENT}"
    if stack.prefect_auth.credential:
        return f", which asks for the credential in {stack.home.secret_file(FILE)}"
    return ""
