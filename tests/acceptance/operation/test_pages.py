"""The pages on the whole stack: a test as it runs, what it asks, and what it has found, in a real Chromium."""

import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from datasources.model.settings import Settings
from tests.acceptance.kit import options, register, unique
from tests.acceptance.questions import tunnel
from tests.fixtures.pages import Site, findings, visit
from tests.fixtures.servers.database import PASSWORD, Server
from tests.fixtures.servers.ssh import Bastion, fingerprint, running_bastion
from tests.fixtures.service import KEY, Service


@pytest.fixture
def gate() -> Iterator[Bastion]:
    """A gateway that has not been trusted yet."""
    with running_bastion() as gateway:
        yield gateway


@pytest_asyncio.fixture
async def page(service: Service, chromium: Browser) -> AsyncIterator[Page]:
    """A reader of the stack's pages."""
    site = Site(service.api, Settings(), 0)
    page = await visit(chromium, site, key=KEY)
    yield page
    await page.context.close()
    assert [said for said in site.complaints if "status of 4" not in said] == []


async def test_a_test_is_watched_and_answered(page: Page, admin: httpx.Client, embedded: Server, gate: Bastion) -> None:
    """The fingerprint is compared where it is asked for, the secret given where it is missing; then steps pass, live.

    What they have found is there to be searched, and its lineage to be walked.
    """
    source = register(
        admin, unique("Watched"), options(embedded, password=None), ssh_tunnel=tunnel(gate.tunnel()),
        temp_schema="postgres.scratch",
    )  # fmt: skip
    await page.goto(f"/sources/{source}")
    await page.get_by_label("Test query").fill("SELECT 6 * 7")
    await page.get_by_role("button", name="Test now").click()
    await expect(page.locator("#fingerprint")).to_have_text(fingerprint(gate.host_key))
    await expect(page.locator("#verify")).to_contain_text("ssh-keyscan")
    assert await findings(page) == []
    await page.get_by_label("Paste the fingerprint").fill("SHA256:another")
    await page.get_by_role("button", name="Trust this key").click()
    await expect(page.locator("#f-fingerprint-wrong")).to_be_visible()
    await page.wait_for_timeout(1_500)  # what is live has connected, and shows nothing that is not here already
    await expect(page.locator("#f-fingerprint-wrong")).to_be_visible(timeout=1)
    await page.get_by_label("Paste the fingerprint").fill(fingerprint(gate.host_key))
    await page.get_by_role("button", name="Trust this key").click()
    await expect(page.get_by_text("What is the secret of the source?")).to_be_visible()
    assert await findings(page) == []
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Send it and continue").click()
    await expect(page.locator("#test-title")).to_contain_text("Passed")
    for words in ("SSH tunnel opened", "logged in", "Discovered", "Test query"):
        await expect(page.locator(".steps")).to_contain_text(words)
    await expect(page.locator("#standing")).to_contain_text("Up")
    await expect(page.get_by_role("link", name="Run in Prefect")).to_have_attribute(
        "href", re.compile("/runs/flow-run/")
    )
    assert PASSWORD not in await page.content()
    await page.goto(f"/sources/{source}/schema?q=customer_id")
    assert await findings(page) == []
    await page.get_by_role("link", name="shop.totals").click()
    await page.locator(".lineage a", has_text="orders").click()
    await expect(page.locator("h1")).to_have_text("shop.orders")
    await expect(page.get_by_text("numeric(10,2)")).to_be_visible()
    assert await findings(page) == []
