"""`sourcecheck up`: the local stack until somebody stops it."""

import asyncio
import time

from rich.console import Console

from datasources.model.settings import Settings
from deployments.stack.start import Stack, running

console = Console(highlight=False, soft_wrap=True)


async def up(settings: Settings) -> int:
    """Start, say where everything is, and serve. Ends by being cancelled."""
    began = time.monotonic()
    say(f"starting in {settings.home_path}")
    try:
        async with running(settings, say) as stack:
            show_addresses(stack)
            say(f"[bold green]ready[/] after {time.monotonic() - began:.1f} s; Ctrl-C stops everything")
            await asyncio.Event().wait()
    finally:
        say("stopped")
    return 0


def say(text: str) -> None:
    """A line for people, at once."""
    console.print(text)


def show_addresses(stack: Stack) -> None:
    """Where to go from here."""
    from deployments.stack.catalogue import KEY_FILE

    given = stack.settings.bootstrap_key
    key = "the one in SOURCECHECK_BOOTSTRAP_KEY" if given else f"in {stack.home.secret_file(KEY_FILE)}"
    say(f"API         {stack.addresses.api}")
    say(f"API docs    {stack.addresses.docs}")
    say(f"Prefect UI  {stack.addresses.prefect_ui}")
    say(f"API key     {key}")
