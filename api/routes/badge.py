"""A badge for a page: the source's name, its state and its uptime, as a small SVG; public ones say no uptime."""

from datetime import UTC, datetime
from html import escape
from typing import Annotated

from litestar import Response, delete, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.dependencies import MemberDep, SessionDep, require_source
from api.wire.errors import Problem
from api.wire.health import DEFAULT_WINDOW, WINDOWS, WindowName, is_stale
from api.wire.responses import ENVELOPED, LOCATION_HEADER
from api.wire.schemas import BadgeToken, Envelope
from datasources.catalogue.health import history
from datasources.catalogue.organizations.badges import find_by_token, issue_token
from datasources.health.glance import glance
from datasources.model.inputs.texts import visible

GREEN, RED, GREY = "#2e7d32", "#c62828", "#616161"
COLOURS = {"up": GREEN, "down": RED, "unknown": GREY}
LONGEST = 40
"""Characters of a name that are shown."""
CHARACTER = 7
"""Pixels that one takes at most, roughly."""
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{name}: {text}">
<title>{name}: {text}</title>
<rect width="{width}" height="20" rx="3" fill="#37474f"/>
<path d="M{split} 0h{right}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right}z" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="6" y="14">{name}</text><text x="{text_x}" y="14">{text}</text>
</g></svg>"""


class Badge(Struct, frozen=True):
    """What a badge says, and how it looks."""

    name: str
    text: str
    colour: str

    def svg(self) -> str:
        """The picture; markup in the name stays text."""
        name = self.name if len(self.name) <= LONGEST else f"{self.name[: LONGEST - 1]}…"
        split, right = 12 + CHARACTER * len(name), 9 + CHARACTER * len(self.text)
        return SVG.format(
            name=escape(visible(name)),
            text=escape(self.text),
            colour=self.colour,
            split=split,
            right=right,
            width=split + right + 3,
            text_x=split + 6,
        )


@get(
    "/api/v1/data-sources/{source_id:str}/badge.svg",
    media_type="image/svg+xml",
    tags=["Health"],
    summary="Draw the badge of a data source",
    operation_id="get_data_source_badge",
    responses=ENVELOPED,
)
async def badge(
    source_id: FromPath[int],
    session: SessionDep,
    member: MemberDep,
    window: Annotated[WindowName, QueryParameter()] = DEFAULT_WINDOW,
) -> Response[str]:
    """Draw the source's state and uptime. It needs a key, because only members may know what is down."""
    source = await require_source(session, member, source_id)
    now = datetime.now(UTC)
    tally = (await history.tallies(session, source.id, [WINDOWS[window]], now))[WINDOWS[window]]
    stale = is_stale(await history.last(session, source.id), now)
    return _picture(describe(source.name, source.status, stale=stale, uptime=tally.uptime), "private, no-cache")


@get(
    "/badge/{token:str}",
    media_type="image/svg+xml",
    tags=["Health"],
    summary="Draw a public badge",
    operation_id="get_public_badge",
)
async def public_badge(token: FromPath[str], session: SessionDep) -> Response[str]:
    """Draw the name and the state of one source for anyone who has the token. It needs no key."""
    source = await find_by_token(session, token)
    if source is None:
        raise Problem(404, "Badge not found")
    stale = is_stale(await history.last(session, source.id), datetime.now(UTC))
    return _picture(describe(source.name, source.status, stale=stale, uptime=None), "no-cache")


@post(
    "/api/v1/data-sources/{source_id:str}/badge-token",
    tags=["Health"],
    summary="Publish the badge of a data source",
    response_headers=[LOCATION_HEADER],
    operation_id="create_data_source_badge_token",
    responses=ENVELOPED,
)
async def publish_badge(
    source_id: FromPath[int], session: SessionDep, member: MemberDep
) -> Response[Envelope[BadgeToken]]:
    """Publish the badge under a new address, which only this answer shows; an earlier address stops working."""
    source = await require_source(session, member, source_id, for_change=True)
    token = issue_token(source)
    await session.commit()
    found = BadgeToken(data_source_id=source_id, token=token, path=f"/badge/{token}")
    return Response(Envelope(found, "Badge published"), status_code=201, headers={"Location": found.path})


@delete(
    "/api/v1/data-sources/{source_id:str}/badge-token",
    status_code=200,
    tags=["Health"],
    summary="Withdraw the public badge of a data source",
    operation_id="delete_data_source_badge_token",
    responses=ENVELOPED,
)
async def withdraw_badge(source_id: FromPath[int], session: SessionDep, member: MemberDep) -> Envelope[None]:
    """Withdraw the public badge: its address stops working."""
    source = await require_source(session, member, source_id, for_change=True)
    source.badge_hash = None
    await session.commit()
    return Envelope(None, "Badge withdrawn")


def _picture(shown: Badge, cache: str) -> Response[str]:
    headers = {"Cache-Control": cache, "X-Content-Type-Options": "nosniff"}
    return Response(shown.svg(), media_type="image/svg+xml", headers=headers)


def describe(name: str, status: str, *, stale: bool, uptime: float | None) -> Badge:
    """Green only for what is known to be up now."""
    state = status if status not in ("active", "failed") or not stale else f"{status}, stale"
    text = state if uptime is None else f"{state} {uptime:.2f} %"
    return Badge(name=name, text=text, colour=COLOURS[glance(status, stale=stale)])
