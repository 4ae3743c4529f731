"""The pages in a real Chromium: one browser, and a process of the API on a catalogue of its own, without Prefect."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from benchmarks.page_data import add_tests, fill
from datasources.catalogue.organizations.accounts import bootstrap
from datasources.catalogue.engine import session_scope
from datasources.model.settings import Settings
from datasources.secrecy.vault import Vault
from tests.fix_catalogue import make_catalogue
from tests.fix_database import Server, free_port
from tests.fix_processes import kept

KEY = "key-of-the-tests-of-pages"
SIZES = {"wide": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
SCRIPT = "\"><img src=x onerror='window.hacked=1'><script>window.hacked=1</script>{{ 7 * 7 }}"
"""A name that would like to be more than text."""


@dataclass
class Site:
    """A running API with sources, and what its pages complained about."""

    address: str
    settings: Settings
    organization_id: int
    complaints: list[str] = field(default_factory=list)


@pytest_asyncio.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests: Debian's."""
    path = shutil.which("chromium")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Chromium is not installed: apt install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def site(embedded: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two dozen sources of every state, served without Prefect and without a worker."""
    settings = make_catalogue(embedded, "catalogue_of_pages")
    keys = Fernet.generate_key().decode()
    organization_id = asyncio.run(_fill(settings, Vault(keys)))
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCECHECK_", "PREFECT_"))}
    environ |= {
        "SOURCECHECK_HOME": str(tmp_path_factory.mktemp("pages")),
        "SOURCECHECK_API_PORT": str(port),
        "SOURCECHECK_DATABASE_URL": settings.database_url or "",
        "SOURCECHECK_SECRET_KEYS": keys,
        "SOURCECHECK_PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
    }
    log = tmp_path_factory.mktemp("log") / "api.log"
    with (
        log.open("wb") as stream,
        kept([sys.executable, "-m", "deployments.cli", "serve"], env=environ, stdout=stream, stderr=stream) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 60
        while not _lives(address):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"the API did not start:\n{log.read_text()[-4000:]}")
            time.sleep(0.1)
        yield Site(address, settings, organization_id)


async def _fill(settings: Settings, vault: Vault) -> int:
    async with session_scope(settings) as session:
        made = await bootstrap(session, KEY)
        await fill(session, made.organization_id, vault, sources=24)
        await add_tests(session, made.organization_id)
        return made.organization_id


def _lives(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/live", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


async def visit(
    browser: Browser,
    site: Site,
    *,
    width: str = "wide",
    theme: str = "light",
    script: bool = True,
    zone: str = "UTC",
    key: str = KEY,
) -> Page:
    """A page of a browser that is signed in; what it complains about is collected."""
    size = SIZES[width]
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=script,
        base_url=site.address,
        reduced_motion="reduce",
        timezone_id=zone,
        locale="en-US",
    )
    page = await context.new_page()
    listen(page, site)
    await page.goto("/sign-in")
    await page.fill("#key", key)
    await page.click("main button")
    await page.wait_for_url("**/")
    return page


def listen(page: Page, site: Site) -> None:
    """Collect errors of scripts, what a policy has blocked, and requests to other hosts."""

    def complain(text: str) -> None:
        site.complaints.append(f"{page.url}: {text}")

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complain(message.text)

    def asked(address: str) -> None:
        if not address.startswith(site.address):
            complain(f"asks {address}")

    page.on("pageerror", lambda error: complain(str(error)))
    page.on("console", said)
    page.on("request", lambda request: asked(request.url))


async def findings(page: Page) -> list[str]:
    """What axe finds that is serious, with the element at fault."""
    spec = find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    await page.evaluate((Path(spec.origin).parent / "axe.min.js").read_text())
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"][:3]
    ]
