"""Alerts on their page, with the Prefect server that has them."""

from http.server import ThreadingHTTPServer
from typing import Any

from playwright.async_api import Browser, Page, expect

from datasources.model.settings import Settings
from tests.fixtures.pages import Site, findings, visit
from tests.fixtures.service import KEY, Service


async def test_alerts(chromium: Browser, service: Service, receiver: ThreadingHTTPServer) -> None:
    """Made, tried, paused, resumed and removed; the address is shown nowhere, and a wrong one is told at its field."""
    received: list[tuple[str, dict[str, Any]]] = receiver.received  # type: ignore[attr-defined]
    site = Site(service.api, Settings(), 1)
    page = await visit(chromium, site, key=KEY)
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto("/alerts")
    await page.get_by_label("Slack").check()
    await page.get_by_label("Address").fill("https://example.org/")
    await page.get_by_role("button", name="Add the alert").click()
    await expect(page.locator("#f-url-wrong")).to_contain_text("begins with https://hooks.slack.com/")
    await page.get_by_label("a webhook").check()
    await page.get_by_label("Address").fill(f"http://127.0.0.1:{receiver.server_address[1]}/s3cret-path")
    await page.get_by_label("Name (optional)").fill("Of a page <b>")
    await page.get_by_role("button", name="Add the alert").click()
    await expect(page.locator("#notice")).to_contain_text("The alert “Of a page <b>” has been added.")
    row = page.get_by_role("row").filter(has_text="Of a page <b>")
    await expect(row).to_contain_text("127.0.0.1")
    assert "s3cret-path" not in await page.content()
    assert await findings(page) == []
    await row.get_by_role("button", name="Send").click()
    await expect(page.locator("#notice")).to_contain_text("The test has been sent")
    assert [told["payload"]["error_code"] for _, told in received] == ["TEST"]
    for press, state in (("Pause", "paused"), ("Resume", "active")):
        await row.get_by_role("button", name=press).click()
        await expect(row).to_contain_text(state)
    await _remove(page)
    await page.context.close()
    assert [said for said in site.complaints if "status of 4" not in said] == []


async def _remove(page: Page) -> None:
    await page.get_by_role("button", name="Remove Of a page <b>").click()
    await expect(page.locator("#notice")).to_contain_text("The alert “Of a page <b>” is removed.")
    await expect(page.get_by_role("row").filter(has_text="Of a page <b>")).to_have_count(0)
