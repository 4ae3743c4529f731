"""Every type has its form, a new one without a word about it."""

import re

import pytest

from api.pages.source_form import GROUPS, fields_of
from datasources.databases import DATABASES
from datasources.databases.base import Database
from tests.api.pages.test_sign_in import browser, key, sign_in
from tests.fixtures.api import Client

__all__ = ["browser", "key"]
MOST_AT_THE_TOP = 9


@pytest.mark.parametrize("kind", DATABASES.values(), ids=DATABASES)
def test_what_a_login_needs_stands_at_the_top(kind: type[Database]) -> None:
    """Required options and the usual secret; all others stand in groups below, so that the form stays short."""
    fields = fields_of(kind, {})
    first = [field.name for field in fields if field.group == "first"]
    needed = [field.name for field in fields if field.required]
    assert set(needed) <= set(first)
    assert {f"options.{name}" for name in kind.options.asked_fields} <= set(first)
    assert len(first) <= MOST_AT_THE_TOP
    assert {field.group for field in fields} <= {"first", *GROUPS}


async def test_every_form_is_whole(key: str, browser: Client) -> None:
    """Each option has its field there, with a label."""
    await sign_in(browser, key)
    for word, kind in DATABASES.items():
        page = (await browser.get("/sources/new", params={"type": word})).text
        names = set(re.findall(r'name="(options\.[^"]+)"', page))
        assert names == {field.name for field in fields_of(kind, {})}, word
        labelled = set(re.findall(r'<label for="(f-options-[^"]+)"', page))
        ids = set(re.findall(r'id="(f-options-(?:(?!-help|-wrong)[^"])+)"', page))
        assert ids <= labelled, word


async def test_what_is_known_of_a_field_is_in_it(key: str, browser: Client) -> None:
    """Whether it is required, what its default is, and that no browser fills it in."""
    await sign_in(browser, key)
    page = (await browser.get("/sources/new", params={"type": "oracle"})).text
    fields = {found[1]: found[0] for found in re.finditer(r'<input id="f-([\w-]+)"[^>]*>', page)}
    assert 'required="required"' in fields["name"]
    assert 'required="True"' in fields["options-host"]
    assert 'placeholder="DATAFOLD"' in fields["options-user"]
    assert "required" not in fields["options-user"]
    assert 'autocomplete="new-password"' in fields["options-password"]


async def test_an_empty_default_is_no_hint(key: str, browser: Client) -> None:
    """A field whose default is the empty text says nothing about it."""
    await sign_in(browser, key)
    page = (await browser.get("/sources/new", params={"type": "snowflake"})).text
    assert "If you leave it empty: DATAFOLD" in page
    assert re.search(r"If you leave it empty: *<", page) is None
