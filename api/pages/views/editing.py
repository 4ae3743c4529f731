"""Adding and editing a source: a form for each type, and a connection string that is taken apart."""

import re
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from api.actions import drafts, sources
from api.dependencies import Session, SessionDep, lock_source_for_test, require_source
from api.limits import ASKS_FOR_TEST
from api.pages.forms import text
from api.pages.rendering import Reader, ReaderDep
from api.pages.source_form import (
    GROUPS,
    SAVED,
    body_from,
    fields_of,
    tunnel_fields,
    values_from_dbt,
    values_from_url,
    values_of,
)
from api.wire.errors import Invalid, Problem
from api.wire.requests import TestRequest
from datasources.catalogue.health.overview import DRAFT
from datasources.catalogue.tables import DataSource
from datasources.databases import DATABASES
from datasources.model.steps import KindOfTest

IS_URL = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://\S*\s*$")
FIRST = "pg"
"""The type that the form begins with."""


class EditingController(Controller):
    """`/sources/new` and `/sources/{id}/edit`."""

    @get("/sources/new")
    async def new(self, reader: ReaderDep) -> Template:
        """An empty form of the type that the address names."""
        word = reader.request.query_params.get("type", FIRST)
        return await _form(reader, word if word in DATABASES else FIRST, {})

    @post("/sources/new", status_code=303, opt=ASKS_FOR_TEST)
    async def create(self, reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Register the source, and test it at once if that is wanted; or take a pasted string apart."""
        form = dict(await reader.request.form())
        if form.get("paste"):
            return await _taken_apart(reader, str(form.get("url") or ""))
        word, draft = str(form.get("type")), bool(form.get("try"))
        if word not in DATABASES:
            raise Problem(422, "There is no such type of source")
        try:
            body = body_from(form, DATABASES[word], draft=draft)
            row = await sources.register(session, reader.services, reader.member, body)
        except Problem as problem:
            await session.rollback()
            return await _form(reader, word, form, problem)
        return await _go_on(
            reader,
            session,
            row,
            tested=draft or bool(form.get("test")),
            said="" if draft else f"“{row.name}” is registered.",
        )

    @post("/sources/{source_id:str}/keep", status_code=303)
    async def keep(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Save a source that was tested before."""
        draft = await require_source(session, reader.member, source_id)
        if drafts.original_of(draft) is not None:
            row = await drafts.keep_change(session, reader.services, reader.member, draft)
            return await _go_on(reader, session, row, tested=False, said="The changes are saved.")
        body = msgspec.json.encode({"created_from": SAVED})
        row = await sources.change(session, reader.services, reader.member, source_id, body)
        return await _go_on(reader, session, row, tested=False, said=f"“{row.name}” is registered.")

    @get("/sources/{source_id:str}/edit")
    async def edit(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Template:
        """The form with what is stored; secrets stay where they are."""
        row = await require_source(session, reader.member, source_id)
        return await _form(reader, row.type, values_of(row), row=row)

    @post("/sources/{source_id:str}/edit", status_code=303, opt=ASKS_FOR_TEST)
    async def change(self, source_id: FromPath[int], reader: ReaderDep, session: SessionDep) -> Response[Any]:
        """Change the source; or test the changes in a draft beside it, before they are saved."""
        form = dict(await reader.request.form())
        row = await require_source(session, reader.member, source_id)
        body = body_from(form, DATABASES[row.type], row)
        tried = bool(form.get("try"))
        work = drafts.draft_change if tried else sources.change
        try:
            row = await work(session, reader.services, reader.member, source_id, body)
        except Problem as problem:
            await session.rollback()
            row = await require_source(session, reader.member, source_id)
            return await _form(reader, row.type, form, problem, row)
        said = "" if tried or is_draft(row) else "Saved."
        return await _go_on(reader, session, row, tested=tried or bool(form.get("test")), said=said)


async def _go_on(reader: Reader, session: Session, row: DataSource, *, tested: bool, said: str) -> Response[Any]:
    if tested:
        source = await lock_source_for_test(session, reader.member, row.id)
        try:
            await reader.services.submitter.accept(
                session, reader.member, source, TestRequest(), KindOfTest.asynchronous
            )
        except Problem as problem:
            said = f"{said} It could not be tested: {problem.sentence}."
    await reader.board(anew=True)
    return reader.done(said, f"/sources/{row.id}")


async def _taken_apart(reader: Reader, url: str) -> Template:
    """The form filled in from a connection string or a profile of dbt."""
    try:
        word, values = values_from_url(url) if IS_URL.match(url) else values_from_dbt(url)
    except ValueError as error:
        wrong = Invalid(["body", "url"], f"{str(error)[:1].upper()}{str(error)[1:]}")
        return await _form(reader, FIRST, {"url": ""}, wrong)
    return await _form(reader, word, values, notice="The fields are filled in: check them, then save.")


async def _form(
    reader: Reader,
    word: str,
    values: dict[str, Any],
    problem: Problem | None = None,
    row: DataSource | None = None,
    notice: str | None = None,
) -> Template:
    kind = DATABASES[word]
    stored = reader.services.vault.open(row.secret) if row else {}
    shown = {name: value for name, value in values.items() if row is None or not _is_secret(name, word)}
    invalid = problem if isinstance(problem, Invalid) else None
    taken = None if invalid or problem is None else problem.sentence
    return await reader.show(
        "source_form.html",
        422 if problem else 200,
        here="sources",
        row=row,
        is_draft=row is not None and is_draft(row),
        kind=kind,
        types=sorted(((word, kind.title) for word, kind in DATABASES.items()), key=lambda pair: pair[1].casefold()),
        groups=GROUPS,
        fields=fields_of(kind, shown, stored.get("options", {})),
        tunnel=tunnel_fields(kind, shown, stored.get("ssh_tunnel", {})),
        values=shown,
        wrong=Invalid(["body", "name"], taken) if taken else invalid,
        notice=notice,
        has_tunnel=text(values, "ssh_tunnel.host") is not None,
    )


def is_draft(row: DataSource) -> bool:
    """Whether the source is being tested before it is saved."""
    return row.fields.get("created_from") == DRAFT


def _is_secret(name: str, word: str) -> bool:
    group, _, field = name.partition(".")
    return (group == "options" and field in DATABASES[word].options.secret_fields) or (
        group == "ssh_tunnel" and field in ("password", "private_key", "passphrase")
    )
