"""What people do on the pages, in a real browser."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from datasources.catalogue.engine import session_scope
from datasources.catalogue.tables import DataSource
from tests.fixtures.pages import KEY, SCRIPT, Site, findings, visit

URL = "postgresql://me:s3cret-of-a-form@db.example:5433/shop?sslmode=require"


@pytest_asyncio.fixture
async def page(chromium: Browser, site: Site) -> AsyncIterator[Page]:
    """A reader who is signed in, in Tokyo; at the end, no script has failed and the policy has blocked nothing."""
    site.complaints.clear()
    page = await visit(chromium, site, zone="Asia/Tokyo")
    yield page
    await page.context.close()
    assert [said for said in site.complaints if "status of 4" not in said] == []


async def test_a_source_is_added_and_edited(page: Page, site: Site) -> None:
    """From a connection string; what is wrong stands at its field, and no secret is shown again."""
    await page.goto("/sources/new")
    await page.get_by_label("Paste it").fill(URL)
    await page.get_by_role("button", name="Fill in the form").click()
    await expect(page.get_by_label("Host", exact=True)).to_have_value("db.example")
    await page.get_by_label("Name", exact=True).fill("Made in a form")
    await page.get_by_label("Port", exact=True).first.fill("many")
    await page.get_by_text("More options").click()
    await page.get_by_label("Failed checks in a row").fill("0")
    await page.get_by_role("button", name="Save", exact=True).click()
    port = page.get_by_label("Port", exact=True).first
    await expect(port).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#f-down_after-wrong")).to_contain_text("at least 1")
    await page.get_by_label("Failed checks in a row").fill("3")
    await expect(page.locator("#f-options-port-wrong")).to_contain_text("a whole number")
    await port.fill("5433")
    await page.get_by_role("button", name="Test before saving").click()
    await expect(page.get_by_text("This source is not saved yet")).to_be_visible()
    await expect(page.locator("#test-title")).to_contain_text("Waiting for its turn")
    assert await findings(page) == []
    await page.get_by_role("button", name="Save it").click()
    await expect(page.locator("#notice")).to_contain_text("“Made in a form” is registered")
    await expect(page.get_by_text("This source is not saved yet")).to_have_count(0)
    await page.get_by_role("link", name="Edit").click()
    await expect(page.get_by_text("Stored; leave it empty to keep it.")).to_be_visible()
    assert "s3cret-of-a-form" not in await page.content()
    await page.get_by_label("Tags").fill("one, two")
    await page.get_by_role("button", name="Test before saving").click()
    await expect(page.get_by_text("These changes are not saved yet")).to_be_visible()
    assert await findings(page) == []
    await page.get_by_role("button", name="Save the changes").click()
    await expect(page.locator("#notice")).to_contain_text("The changes are saved.")
    await expect(page.locator("#standing")).to_contain_text("two")
    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Remove", exact=True).click()
    await expect(page.locator("#notice")).to_contain_text("is removed")
    answer = httpx.get(f"{site.address}/api/v1/data_sources", headers={"Authorization": f"Key {KEY}"})
    assert "Made in a form" not in [source["name"] for source in answer.json()]


async def test_rows_change_as_tests_are_asked_for(page: Page) -> None:
    """One, and several at once, without loading the page again; a test that waits can be cancelled where it is shown."""
    await page.evaluate("window.here = true")
    await expect(page.locator("#ready")).to_contain_text("Service not ready")
    row = page.locator('[data-row="3"]')
    await row.get_by_role("button", name="Test").click()
    await expect(page.locator("#notice")).to_contain_text("Requested 1 test.")
    await expect(row.locator(".state")).to_contain_text("Queued")
    for number in (4, 8):
        await page.locator(f'[data-row="{number}"] input[type=checkbox]').check()
    await page.get_by_role("button", name="Test selected").click()
    await expect(page.locator("#notice")).to_contain_text("Requested 2 tests.")
    await expect(page.locator('[data-row="8"] .state')).to_contain_text("Queued")
    assert await page.evaluate("window.here")
    for number in (3, 4, 8):
        await page.goto(f"/sources/{number}")
        await expect(page.locator("#test-title")).to_contain_text("Waiting for its turn")
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.locator("#test-title")).to_contain_text("Cancelled")


async def test_filters_search_and_keyboard(page: Page) -> None:
    """The search is a key away, filters apply as they are chosen, and the address says what is shown."""
    await page.keyboard.press("/")
    await page.keyboard.type("payroll")
    await expect(page.locator(".of")).to_contain_text("found among")
    await expect(page).to_have_url(re.compile("q=payroll"))
    await page.locator("select[name=state]").select_option("up")
    await expect(page.locator(".row.is-down")).to_have_count(0)
    await page.goto("/")
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("#main$"))


async def test_a_bar_tells_of_each_check(page: Page) -> None:
    """Its time in the reader's zone, its reason and how long it took; moments are said to the second when asked."""
    bar = page.locator(".row.is-down .bar").first
    box = await bar.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 10)
    await expect(page.locator("#tip")).to_contain_text("CONNECTION_ERROR")
    await page.mouse.move(box["x"] + 9, box["y"] + 10)
    await expect(page.locator("#tip")).to_contain_text(" ms")
    since = page.locator("time[data-span]").first
    title = await since.get_attribute("title")
    assert title is not None
    said, exact = (
        re.search(r"(\d+):\d\d:\d\d", title),
        re.search(r"T(\d+)", await since.get_attribute("datetime") or ""),
    )
    assert said is not None
    assert exact is not None
    assert (int(said[1]) - int(exact[1]) - 9) % 12 == 0
    assert "UTC" in title


async def test_keys(page: Page) -> None:
    """A key is shown once, and works until it is revoked."""
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto("/keys")
    await page.get_by_label("Name", exact=True).fill("Of a page <b>")
    await page.get_by_role("button", name="Add the key").click()
    made = await page.locator("#made").inner_text()
    assert made.startswith("sck_")
    await page.goto("/keys")
    assert made not in await page.content()
    await page.get_by_role("button", name="Revoke Of a page <b>").click()
    await expect(page.locator("#notice")).to_contain_text("The key is revoked.")
    await page.goto("/host-keys")
    await page.get_by_label("Gateway's host").fill("gateway.example")
    await page.get_by_label("Public key or fingerprint").fill("no key")
    await page.get_by_role("button", name="Trust it").click()
    await expect(page.locator("#f-host_key-wrong")).to_contain_text("This is neither")
    await page.get_by_label("Public key or fingerprint").fill("SHA256:ciyvDtbL7jVeW2vpzJDIjsJPyFFgeNWUzHl5WjHTDzg")
    await page.get_by_role("button", name="Trust it").click()
    await expect(page.locator("tbody")).to_contain_text("gateway.example:22")


async def test_members(page: Page) -> None:
    """Invited, given another role and removed by keyboard alone; the last administrator stays."""
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto("/members")
    await page.get_by_label("Name", exact=True).focus()
    await page.keyboard.type("Ada <i>")
    await page.keyboard.press("Enter")
    await expect(page.locator("#made")).to_contain_text("sck_")
    await expect(page.locator("#address")).to_contain_text("/sign-in/")
    assert await findings(page) == []
    await page.goto("/members")
    await expect(page.locator("#made")).to_have_count(0)
    await page.get_by_label("Role of Ada <i>", exact=True).select_option("admin")
    await page.get_by_role("button", name="Change the role of Ada <i>").press("Enter")
    await expect(page.locator("#notice")).to_contain_text("The role is changed.")
    await page.get_by_role("button", name="Remove Ada <i>").press("Enter")
    await expect(page.locator("#notice")).to_contain_text("“Ada <i>” is removed.")
    await page.get_by_role("button", name="Remove admin").click()
    await expect(page.locator("main")).to_contain_text("This is the organization's last administrator")


async def test_a_public_status_page(page: Page, chromium: Browser, site: Site) -> None:
    """Anyone who has its address sees names and states, and nothing else, until it is switched off."""
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto("/alerts")
    await page.get_by_role("button", name="Switch it on").click()
    address = await page.locator('a[href^="/status/"]').get_attribute("href")
    stranger = await (await chromium.new_context(base_url=site.address)).new_page()
    await stranger.goto(address or "")
    text = await stranger.locator("main").inner_text()
    assert "pricing archive 7" in text
    assert "Down" in text
    for private in ("password authentication", "example.org", "PostgreSQL", "%", "production"):
        assert private not in text, private
    await page.get_by_role("button", name="Switch it off").click()
    await expect(page.locator("#notice")).to_contain_text("gone")
    answer = await stranger.goto(address or "")
    assert answer is not None
    assert answer.status == 404
    await stranger.context.close()


async def test_without_scripts(chromium: Browser, site: Site) -> None:
    """Everything can be read, filtered and asked for."""
    page = await visit(chromium, site, script=False)
    await page.locator("select[name=state]").select_option("down")
    await page.get_by_role("button", name="Show").click()
    assert await page.locator(".row").count() == await page.locator(".row.is-down").count() > 0
    await page.locator('[data-row="7"]').get_by_role("button", name="Test").click()
    await expect(page.locator("#notice")).to_contain_text("Requested 1 test.")
    assert "state=down" in page.url
    await page.goto("/sources/7")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#test-title")).to_contain_text("Cancelled")
    await page.context.close()


async def test_names_and_messages_stay_text(page: Page, site: Site) -> None:
    """Markup in whatever people and servers write is shown as it is, and nothing of it runs."""
    client = httpx.Client(base_url=site.address, headers={"Authorization": f"Key {KEY}"})
    options = {"host": "db.example", "user": SCRIPT[:60], "dbname": SCRIPT[:60]}
    given = {
        "name": SCRIPT,
        "type": "pg",
        "options": options,
        "temp_schema": SCRIPT,
        "tags": [SCRIPT],
        "description": SCRIPT,
    }
    made = client.post("/api/v1/data_sources", json=given)
    assert made.status_code == 200, made.text
    source_id = made.json()["id"]
    async with session_scope(site.settings) as session:
        row = await session.get_one(DataSource, source_id)
        row.failure_reason, row.status = SCRIPT, "failed"
    for path in (
        "/",
        f"/?tag={SCRIPT}",
        f"/?q={SCRIPT}",
        f"/sources/{source_id}",
        f"/sources/{source_id}/edit",
        "/schedules",
        "/alerts",
    ):
        await page.goto(path)
        assert await page.evaluate("window.hacked") is None, path
        assert await page.locator("main img").count() == 0, path
    await page.goto(f"/sources/{source_id}")
    await expect(page.locator("h1")).to_contain_text(SCRIPT[:20])
    client.delete(f"/api/v1/data_sources/{source_id}")
