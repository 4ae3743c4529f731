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


async def test_the_list_at_every_width(chromium: Browser, site: Site) -> None:
    """The sentence that says why a source is down has room for a line of three words, however wide the window is."""
    page = await visit(chromium, site)
    for width in (800, 941, 1000, 1181, 1200, 1440, 1920):
        await page.set_viewport_size({"width": width, "height": 900})
        room = await page.evaluate("document.querySelector('.row .why').clientWidth")
        assert room >= 140, f"{room} pixels in a window of {width}"
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await page.context.close()
