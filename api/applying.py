"""Changes the catalogue and Prefect's schedules to what a file of sources says: everything or nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.limits import refuse_too_many_together
from api.prefect.client import Unreachable
from api.prefect.schedules import Schedules
from api.slices import in_slices
from api.timetables import assign, make_missing, tidy
from api.wanted_plans import plan_from
from api.wire.declared import SCHEDULE, Declared, SourceChange, below, changes_of, declare, several
from api.wire.errors import Invalid, Problem, invalid
from api.wire.requests import WantedSchedule
from datasources.catalogue.health.timetables import own_plan, scheduled_plans
from datasources.catalogue.sources import NameTaken, change_source, remove_source, save_sources, write_source
from datasources.catalogue.tables import DataSource
from datasources.health.plan import Plan
from datasources.model.settings import Settings
from datasources.secrecy.vault import Vault

MOST_ERRORS = 100
"""Of one file: a client mends these and sends it again."""
ROWS_AT_ONCE = 50
"""Sources that are written by one statement: SQLAlchemy gives no other request a turn before that is sent."""


class Planned(Struct, kw_only=True):
    """One source of a file, with its schedule and what has to change."""

    declared: Declared
    plan: Plan | None
    change: SourceChange

    @property
    def reschedules(self) -> bool:
        """Whether the schedule of the source has to change."""
        row = self.declared.row
        return self.plan != (own_plan(row) if row else None)


async def plan_sources(
    given: Sequence[dict[str, Any]], rows: Mapping[str, DataSource], vault: Vault, settings: Settings
) -> list[Planned]:
    """Work out what a file asks for and changes. Raises `Invalid` with an error for each faulty source."""
    _refuse_timetables(given, settings)
    declared = await _declared(given, rows, vault)
    plans = await _plans(given, declared)
    both = zip(declared, plans, strict=True)
    return [_planned(source, plan, vault) async for source, plan in in_slices(both)]


def removed(rows: Mapping[str, DataSource], planned: Sequence[Planned]) -> list[DataSource]:
    """The sources that the file does not name."""
    named = {one.declared.source.name for one in planned}
    return [row for name, row in rows.items() if name not in named]


def removal_of(row: DataSource) -> SourceChange:
    """The change that removes this source."""
    return SourceChange(name=row.name, type=row.type, action="remove", id=row.id)


def _refuse_timetables(given: Sequence[dict[str, Any]], settings: Settings) -> None:
    """Refuse more than the organization may have before reading any: a cron expression takes milliseconds to read."""
    schedules = (item.get(SCHEDULE) for item in given)
    crons = {str(schedule.get("cron")) for schedule in schedules if isinstance(schedule, dict) and "cron" in schedule}
    if len(crons) > settings.max_timetables:
        sentence = f"The file has {len(crons)} cron expressions; the limit is {settings.max_timetables}"
        raise Invalid(["body", "sources"], sentence)


async def _declared(given: Sequence[dict[str, Any]], rows: Mapping[str, DataSource], vault: Vault) -> list[Declared]:
    """The sources of the file, without their schedules."""
    found: list[Declared] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    async for number, item in in_slices(enumerate(given)):
        try:
            declared = declare(item, rows, vault)
            if declared.source.name in seen:
                raise Invalid(["body", "name"], f"The file names {declared.source.name!r} twice")
            seen.add(declared.source.name)
            found.append(declared)
        except Invalid as error:
            errors += below(error, number).errors
            if len(errors) >= MOST_ERRORS:
                break
    if errors:
        raise several(errors)
    return found


async def _plans(given: Sequence[dict[str, Any]], declared: Sequence[Declared]) -> list[Plan | None]:
    plans: list[Plan | None] = []
    errors: list[dict[str, Any]] = []
    async for number, (item, source) in in_slices(enumerate(zip(given, declared, strict=True))):
        try:
            plans.append(_plan(item, source))
        except Invalid as error:
            errors += below(error, number, SCHEDULE).errors
    if errors:
        raise several(errors)
    return plans


def _plan(item: dict[str, Any], declared: Declared) -> Plan | None:
    """The schedule that a source of the file has afterwards. Raises `Invalid`."""
    wanted = item.get(SCHEDULE)
    if wanted is None:
        before = own_plan(declared.row) if declared.row else None
        # A file cannot say what an operator may choose in Prefect's UI, and leaves it alone.
        return before if before and before.rrule and SCHEDULE not in item else None
    try:
        schedule = msgspec.convert(wanted, WantedSchedule)
    except msgspec.ValidationError as error:
        raise invalid(error, known={"": WantedSchedule.__struct_encode_fields__}) from error
    return plan_from(schedule, paused=bool(declared.fields.get("is_paused")))


def _planned(declared: Declared, plan: Plan | None, vault: Vault) -> Planned:
    row = declared.row
    fields = changes_of(declared, plan, vault)
    change = SourceChange(
        name=declared.source.name,
        type=str(declared.source.__struct_config__.tag),
        action="create" if row is None else "update" if fields else "unchanged",
        id=row.id if row else None,
        fields=fields,
    )
    return Planned(declared=declared, plan=plan, change=change)


class Applier:
    """Carries a plan out, in one transaction of the catalogue."""

    def __init__(self, session: AsyncSession, schedules: Schedules, settings: Settings, vault: Vault) -> None:
        self._session = session
        self._schedules = schedules
        self._settings = settings
        self._vault = vault

    async def apply(self, member: Member, planned: Sequence[Planned], gone: Sequence[DataSource]) -> list[SourceChange]:
        """Write everything, and return the changes with the ids of new sources.

        Raises `Problem`: 409 for a name taken in the meantime or too many schedules, 503 if Prefect does not
        answer; then nothing has changed.
        """
        await self._refuse_schedules(member, planned, gone)
        rows = await self._write(member, planned, gone)
        changed = await self._schedule(planned, rows, gone)
        await self._session.commit()
        await tidy(self._session, self._schedules, changed)
        changes = [msgspec.structs.replace(one.change, id=row.id) for one, row in zip(planned, rows, strict=True)]
        return [*changes, *map(removal_of, gone)]

    async def _refuse_schedules(self, member: Member, planned: Sequence[Planned], gone: Sequence[DataSource]) -> None:
        """Count the new schedules with all others of the organization, in the file or not. Raises `Problem`."""
        wanted = Counter(one.plan for one in planned if one.plan and one.reschedules)
        if not wanted:
            return
        changed = [one.declared.row for one in planned if one.declared.row and one.reschedules]
        but_for = [row.id for row in (*changed, *gone)]
        others = await scheduled_plans(self._session, member.organization_id, but_for)
        refuse_too_many_together(wanted, others, self._settings, datetime.now(UTC))

    async def _write(self, member: Member, planned: Sequence[Planned], gone: Sequence[DataSource]) -> list[DataSource]:
        for row in gone:
            remove_source(row)
        rows: list[DataSource] = []
        try:
            async for some in in_slices(planned[at : at + ROWS_AT_ONCE] for at in range(0, len(planned), ROWS_AT_ONCE)):
                written = [self._row(member, one) for one in some]
                await save_sources(self._session, written)
                rows += written
        except NameTaken as error:
            raise Problem(409, f"Nothing was applied: {error}") from error
        return rows

    def _row(self, member: Member, one: Planned) -> DataSource:
        declared = one.declared
        row = declared.row
        if row is None:
            row = DataSource(organization_id=member.organization_id, created_by_user_id=member.user_id)
            write_source(row, declared.source, declared.fields, self._vault)
        elif one.change.fields:
            change_source(row, declared.source, declared.fields, self._vault)
        return row

    async def _schedule(
        self, planned: Sequence[Planned], rows: Sequence[DataSource], gone: Sequence[DataSource]
    ) -> set[int]:
        """Give the sources their timetables; answers those whose use has changed, which Prefect has where it needs to.

        If the transaction fails, the API removes later what it has already given to Prefect.
        """
        changed: set[int] = set()
        for one, row in zip(planned, rows, strict=True):
            if one.reschedules:
                changed |= await assign(self._session, row, one.plan)
        for row in gone:
            changed |= await assign(self._session, row, None)
        try:
            await make_missing(self._session, self._schedules, changed)
        except Unreachable as error:
            raise Problem(503, "Prefect does not answer; nothing was applied") from error
        return changed
