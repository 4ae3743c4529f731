"""A page says that a driver is missing, and how to install it, where the reader has asked for a test."""

import pytest

from datasources.catalogue.organizations.accounts import add_member, create_key, create_organization, create_user
from datasources.databases import DATABASES
from datasources.databases.base import Driver
from tests.api.pages.test_sign_in import browser, form, sign_in
from tests.api.routes.sources import register
from tests.fixtures.api import Client

__all__ = ["browser"]
HTML = {"Accept": "text/html"}
INSTALL = "pip install &#39;sourcecheck[nothing]&#39;"


async def test_a_test_without_its_driver(lone_api: Client, browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the button of the source, and in the sentence about many sources once for each reason."""
    async with browser.app.state.services.sessions.begin() as session:
        organization, user = await create_organization(session, "No driver"), await create_user(session, "Driverless")
        await add_member(session, organization.id, user.id)
        _, key = await create_key(session, user.id, organization.id, "driverless")
    browser.headers["Authorization"] = f"Key {key}"
    sources = [await register(browser, f"Without a driver {number}") for number in range(2)]
    del browser.headers["Authorization"]
    await sign_in(browser, key)
    token = await form(browser, "/")
    monkeypatch.setattr(DATABASES["pg"], "driver", Driver("no_such_driver", "nothing"))
    page = await browser.post(f"/sources/{sources[0]}/test", data=token, headers=HTML)
    assert page.status_code == 422
    assert f"This source cannot be tested: The driver no_such_driver is not installed: {INSTALL}" in page.text
    many = await browser.post(
        "/test", data=token | {"id": [str(source) for source in sources]}, headers=HTML | {"HX-Request": "true"}
    )
    assert "Requested 0 tests. Refused 2: The driver no_such_driver is not installed" in many.text
    assert many.text.count("no_such_driver") == 1
