"""Answering what a test asks: confirm a host key or a query, give a secret (contract 2.5)."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.runtime import Services
from api.wire.changes import merged
from api.wire.errors import Invalid, Problem
from api.wire.faults import together
from api.wire.registration import is_mask, parse, stored_options
from api.wire.requests import Confirmation, SecretAnswer
from datasources.catalogue.jobs.questions import lock_job, question_of, take_answer
from datasources.catalogue.sources import write_source
from datasources.catalogue.tables import DataSource, Job
from datasources.model.inputs.host_keys import HostKey, echoes
from datasources.model.inputs.secret_references import escaped
from datasources.model.questions import Answer, HostKeyQuestion, Owner, Question, SecretQuestion
from datasources.model.source import Source, SshTunnel
from datasources.secrecy.vault import Vault


async def confirm(session: AsyncSession, services: Services, member: Member, job: Job, given: Confirmation) -> Job:
    """Trust the gateway's key from now on, or try the query; the test goes on. Raises `Problem`."""
    job, question = await _asking(session, job)
    if isinstance(question, SecretQuestion):
        raise Problem(409, "This test asks for a secret, not for a confirmation")
    if isinstance(question, HostKeyQuestion):
        answer = _answer(question, member, fingerprint=_echoed(given, question))
    else:
        _refuse_doubt(given)
        answer = _answer(question, member)
    return await _go_on(job, answer, session, services)


async def give_secret(session: AsyncSession, services: Services, member: Member, job: Job, given: SecretAnswer) -> Job:
    """Give the secret for this run alone, or keep it with the source; the test goes on. Raises `Problem`."""
    job, question = await _asking(session, job)
    if not isinstance(question, SecretQuestion):
        raise Problem(409, "This test asks for a confirmation, not for a secret")
    secrets = _fitting(given, question)
    row, source, fields = await _with_secrets(session, job, question.of, secrets, services.vault)
    if given.save:
        write_source(row, source, fields, services.vault)
        row.revision += 1
        _take_back(job, question.of, services.vault)
    else:
        _lend(job, question.of, secrets, services.vault)
    return await _go_on(job, _answer(question, member, saved=given.save, of=question.of), session, services)


async def _asking(session: AsyncSession, job: Job) -> tuple[Job, Question]:
    """The job, ours alone until the end of the transaction, and what it asks. Raises 409 when it asks nothing."""
    job = await lock_job(session, job.id)
    question = question_of(job)
    if job.ended_at is not None:
        raise Problem(409, f"This test has already ended: {job.status}")
    if question is None or job.cancel_requested_at is not None:
        raise Problem(409, "This test does not wait for an answer")
    return job, question


def _echoed(given: Confirmation, question: HostKeyQuestion) -> str:
    if given.confirm is not None:
        raise Invalid(["body", "confirm"], "Confirm a host key with its fingerprint")
    if given.fingerprint is None:
        raise Invalid(["body", "fingerprint"], "Send the fingerprint of the gateway's key", "missing")
    if not echoes(given.fingerprint, question.fingerprint):
        raise Invalid(["body", "fingerprint"], _not_echoed(given.fingerprint))
    return question.fingerprint


def _not_echoed(text: str) -> str:
    try:
        HostKey.parse_all(text)
    except ValueError as error:
        return f"This is {error}"
    return "This is not the fingerprint that the gateway shows"


def _refuse_doubt(given: Confirmation) -> None:
    if given.fingerprint is not None:
        raise Invalid(["body", "fingerprint"], "This test asks about its query, not about a host key")
    if given.confirm is False:
        raise Invalid(["body", "confirm"], "To decline, cancel the test")


def _fitting(given: SecretAnswer, question: SecretQuestion) -> dict[str, str]:
    secrets = given.secrets()
    allowed = question.missing if question.of == "options" else SshTunnel.secret_fields
    for name in secrets:
        if name not in allowed:
            raise Invalid(["body", name], "This test asks for the secret of the source, not of its gateway")
        if is_mask(secrets[name]):
            raise Invalid(["body", name], "This is a mask, not a secret")
    if not secrets.keys() & set(question.missing):
        raise Invalid(["body", question.missing[0]], f"Give one of these: {', '.join(question.missing)}", "missing")
    return secrets


async def _with_secrets(
    session: AsyncSession, job: Job, of: Owner, secrets: dict[str, str], vault: Vault
) -> tuple[DataSource, Source, dict[str, Any]]:
    """The source as it would be with these, checked as any change of it; no other request changes it meanwhile.

    A secret that does not fit would be the end of the run. Raises `Invalid` naming the field of the answer.
    """
    row = await session.get_one(DataSource, job.source_id, with_for_update=True, populate_existing=True)
    if row.deleted_at is not None:
        raise Problem(409, "The data source has been removed")
    change: dict[str, Any] = {of: {name: escaped(secret) for name, secret in secrets.items()}}
    try:
        return row, *parse(*merged(row, change, vault), stored_options(row, vault))
    except Invalid as refusal:
        faults = [fault | {"loc": [part for part in fault["loc"] if part != of]} for fault in refusal.errors]
        raise together(faults) from refusal


def _lend(job: Job, of: str, secrets: dict[str, str], vault: Vault) -> None:
    """For this run alone; the end of the job takes it away."""
    lent: dict[str, dict[str, str]] = vault.open(job.run_secret)
    job.run_secret = vault.seal(lent | {of: lent.get(of, {}) | secrets})


def _take_back(job: Job, of: Owner, vault: Vault) -> None:
    """What was lent before, and refused, would stand before what is stored now."""
    lent: dict[str, dict[str, str]] = vault.open(job.run_secret)
    rest = {owner: secrets for owner, secrets in lent.items() if owner != of}
    job.run_secret = vault.seal(rest) if rest else None


def _answer(
    question: Question,
    member: Member,
    *,
    fingerprint: str | None = None,
    saved: bool | None = None,
    of: Owner | None = None,
) -> Answer:
    return Answer(
        number=question.number,
        kind=question.kind,
        accepted=True,
        answered_at=datetime.now(UTC),
        user_id=member.user_id,
        fingerprint=fingerprint,
        saved=saved,
        of=of,
    )


async def _go_on(job: Job, answer: Answer, session: AsyncSession, services: Services) -> Job:
    """Write the answer down; its run goes on when the job has a slot again."""
    await take_answer(session, job, answer, services.settings.job_timeout, origin="confirmed")
    await session.commit()
    services.answers.forget(job.organization_id, job.id)
    services.watch.dispatch_soon()
    services.watch.look_at(job.id)
    return job
