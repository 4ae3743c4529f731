"""Changes that are tested before they are saved: the source is as it was until then, and secrets stay where they belong."""

import re
from typing import Any

import pytest_asyncio

from datasources.catalogue.engine import session_scope
from datasources.catalogue.organizations.accounts import add_member, create_key, create_organization, create_user
from tests.api.pages.test_sign_in import browser, form, sign_in
from tests.api.routes.sources import SOURCES, register
from tests.fixtures.api import Client
from tests.fixtures.servers.database import authority_and_certificate

__all__ = ["browser"]
HTML = {"Accept": "text/html"}


class Editor:
    """A person at the form of a source."""

    def __init__(self, client: Client, key: str, source: int) -> None:
        self.client, self.key, self.source = client, key, source

    async def read(self, source: int | None = None) -> dict[str, Any]:
        """A source, as the API has it."""
        answer = await self.client.get(
            f"{SOURCES}/{source or self.source}", headers={"Authorization": f"Key {self.key}"}
        )
        found: dict[str, Any] = answer.json()
        return found

    async def change(self, **fields: Any) -> None:
        """Change the source by the API."""
        headers = {"Authorization": f"Key {self.key}"}
        answer = await self.client.patch(f"{SOURCES}/{self.source}", json=fields, headers=headers)
        assert answer.status_code == 200, answer.text

    async def send(self, path: str, **fields: str) -> Any:
        """The page that a form leads to; `path` is below `/sources/`."""
        token = await form(self.client, f"/sources/{self.source}/edit")
        return await self.client.post(f"/sources/{path}", data=token | fields, headers=HTML)

    async def edit(self, button: str, **changed: str) -> Any:
        """The form as it is, with these fields changed, and this button pressed."""
        before = await self.read()
        options = {
            f"options.{name}": str(value) for name, value in before["options"].items() if value not in (None, False)
        }
        fields = {"name": before["name"], "type": "pg"} | options | changed
        return await self.send(f"{self.source}/edit", **fields | {button: "1"})


@pytest_asyncio.fixture
async def editor(lone_api: Client, browser: Client) -> Editor:
    """Of a source with a stored password."""
    key = await _key(browser)
    browser.headers["Authorization"] = f"Key {key}"
    source = await register(browser, f"Edited {key[-6:]}", tags=["a"])
    del browser.headers["Authorization"]
    await sign_in(browser, key)
    return Editor(browser, key, source)


async def _key(client: Client) -> str:
    async with session_scope(client.app.state.settings) as session:
        user = await create_user(session, "editor")
        organization = await create_organization(session, f"Editors {user.id}")
        await add_member(session, organization.id, user.id)
        return (await create_key(session, user.id, organization.id, "of an editor"))[1]


def draft_of(page: Any) -> int:
    """The id of the draft that a page shows."""
    found = re.search(r"/sources/(\d+)/keep", page.text)
    assert found is not None, page.text[:2000]
    return int(found[1])


async def test_changes_are_tested_and_saved(editor: Editor) -> None:
    """In a draft with the stored password, which is not public; then the source has them, and the draft is gone."""
    page = await editor.edit("try", **{"options.port": "5432", "tags": "b, c", "temp_schema": "scratch"})
    draft = draft_of(page)
    assert "These changes are not saved yet" in page.text
    assert "Waiting for its turn" in page.text
    before = await editor.read()
    assert (before["tags"], before["temp_schema"]) == (["a"], None)
    assert (await editor.read(draft))["name"] == f"{before['name']} (edited)"
    page = await editor.send(f"{draft}/keep")
    assert "The changes are saved." in page.text
    after = await editor.read()
    assert (after["name"], after["tags"], after["temp_schema"]) == (before["name"], ["b", "c"], "scratch")
    assert "draft_of" not in after
    assert (await editor.read(draft)) == {"detail": "Data source not found"}


async def test_a_text_of_several_lines_that_is_left_as_it_is(editor: Editor) -> None:
    """A browser ends its lines otherwise, and drops what is empty: no change, which would need the password again."""
    root = f"# ours\n{authority_and_certificate()[0]}\n"
    before = {"rootcert": root, "password": "canary"}
    await editor.change(options=before, description="One\nTwo")
    posted = root.strip().replace("\n", "\r\n")
    page = await editor.edit("save", **{"options.rootcert": posted, "description": "One\r\nThree"})
    assert "Saved." in page.text
    after = await editor.read()
    assert (after["options"]["rootcert"], after["description"]) == (root, "One\nThree")


async def test_a_second_draft_takes_the_place_of_the_first(editor: Editor) -> None:
    """A new name is tried as well; discarding leads back to the source, which is as it was."""
    first = draft_of(await editor.edit("try", tags="x"))
    second = draft_of(await editor.edit("try", name=f"Renamed {editor.source}"))
    assert "detail" in await editor.read(first)
    assert (await editor.read(second))["name"] == f"Renamed {editor.source}"
    page = await editor.send(f"{second}/remove", sure="1")
    assert "The changes are discarded." in page.text
    assert str(page.url).endswith(f"/sources/{editor.source}")
    third = draft_of(await editor.edit("try", name=f"Renamed {editor.source}"))
    await editor.send(f"{third}/keep")
    assert (await editor.read())["name"] == f"Renamed {editor.source}"


async def test_a_draft_does_not_undo_what_others_have_changed(editor: Editor) -> None:
    """It says so, and stays."""
    draft = draft_of(await editor.edit("try", tags="mine"))
    await editor.edit("save", tags="theirs")
    page = await editor.send(f"{draft}/keep")
    assert page.status_code == 409
    assert "has changed in the meantime" in page.text
    assert (await editor.read())["tags"] == ["theirs"]


async def test_a_draft_sends_no_stored_secret_elsewhere(editor: Editor) -> None:
    """Another host needs the password again (security row 7); all else that is wrong is told with it."""
    page = await editor.edit("try", **{"options.host": "evil.example", "down_after": "0"})
    assert page.status_code == 422
    assert {"f-options-password-wrong", "f-down_after-wrong"} <= set(re.findall(r'id="(f-[\w-]+-wrong)"', page.text))
    assert "canary" not in page.text


async def test_a_removal_asks_first(editor: Editor) -> None:
    """Also where no script asks."""
    page = await editor.send(f"{editor.source}/remove")
    assert "Remove the source?" in page.text
    assert "detail" not in await editor.read()
    await editor.send(f"{editor.source}/remove", sure="1")
    assert "detail" in await editor.read()
