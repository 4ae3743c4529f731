"""Every screen in a real browser, at two widths and in two themes: axe finds nothing serious, nothing sticks out."""

import pytest
from playwright.async_api import Browser

from tests.fixtures.pages import SIZES, THEMES, Site, findings, visit

SCREENS = (
    "/",
    "/?group=tag&sort=name&state=down",
    "/?q=no-such-source",
    "/sources/1",
    "/sources/7",
    "/sources/5",
    "/sources/7/tests/6",
    "/sources/new",
    "/sources/new?type=snowflake",
    "/sources/7/edit",
    "/schedules",
    "/keys",
    "/host-keys",
    "/members",
    "/alerts",
    "/nothing-here",
)


JUDGED = (("wide", "light"), ("phone", "dark"))
"""Where axe looks: each width and each theme once."""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", SIZES)
async def test_every_screen(chromium: Browser, site: Site, width: str, theme: str) -> None:
    """Contrast, labels and width keep no reader out; no script fails, and the policy has nothing to block."""
    page = await visit(chromium, site, width=width, theme=theme)
    found: dict[str, list[str]] = {}
    for path in SCREENS:
        await page.goto(path)
        if (width, theme) in JUDGED:
            found[path] = await findings(page)
        wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{path} is {wider} pixels wider than the {width} screen"
    assert {path: wrong for path, wrong in found.items() if wrong} == {}
    await page.context.close()
    assert [said for said in site.complaints if "404" not in said] == []
