"""Templates and what every page has: the reader, the counts at the top, and headers that trust it with little."""

from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

from jinja2 import StrictUndefined
from litestar import Request
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.template import TemplateConfig

from api.auth import Member
from api.pages import assets, times
from api.pages.board import Board, Boards
from api.pages.forms import problems
from api.pages.source_form import titles_of
from api.pages.timetables import DOWNLOADS
from api.runtime import Services
from datasources.databases import DATABASES
from datasources.health.standing import happened
from datasources.model.inputs.texts import visible

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load: its own files. No script and no style stands in it (docs/security.md, row 27)."""
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
FLASH = "sourcecheck_said"
"""Cookie with a sentence that the next page says once."""
Asked = Request[Any, Any, Any]


def template_config() -> TemplateConfig[JinjaTemplateEngine]:
    """Jinja, which escapes whatever a template does not call safe; a name that it does not know is an error."""
    return TemplateConfig(directory=TEMPLATES, engine=JinjaTemplateEngine, engine_callback=_furnish)


def _furnish(engine: JinjaTemplateEngine) -> None:
    environment = engine.engine
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals["asset"] = assets.address
    environment.globals["problems"] = problems
    environment.globals["database"] = DATABASES.get
    environment.globals["happened"] = happened
    environment.globals["titles_of"] = titles_of
    environment.globals["download_kinds"] = DOWNLOADS
    environment.filters |= {
        "ago": times.ago,
        "exact": times.exact,
        "machine": times.machine,
        "ms": times.milliseconds,
        "percent": times.percent,
        "span": times.span,
        "moment": times.moment,
        "label": label,
        "visible": visible,
        "setting": setting,
    }


def label(name: str) -> str:
    """A field's name as a person reads it: `private_key` is "Private key"."""
    return name.replace("_", " ").capitalize()


def setting(value: Any) -> str:
    """The value of an option as a person reads it: a switch is on or off."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


class Reader:
    """Shows pages to the person who asks: what their frame needs, and the page's own part."""

    def __init__(self, request: Asked, member: Member, services: Services, boards: Boards) -> None:
        self.request = request
        self.member = member
        self.services = services
        self.boards = boards

    async def show(self, template: str, status: int = 200, **parts: Any) -> Template:
        """A page within its frame."""
        board = await self.board()
        frame = {"member": self.member, "counts": board.counts, "ready": await self.boards.ready(self.services)}
        said = told(self.request)
        page = bare(template, status, **frame | {"notice": said} | parts)
        if said:
            page.cookies = [*page.cookies, flash("")]
        return page

    def part(self, template: str, **parts: Any) -> str:
        """A part of a page, as text: what an event of the server carries."""
        engine = cast(JinjaTemplateEngine, self.request.app.template_engine)
        context = Template(template, context={"member": self.member} | parts).create_template_context(self.request)
        text: str = engine.get_template(template).render(**context)
        return text

    async def board(self, *, anew: bool = False) -> Board:
        """The board of the reader's organization."""
        return await self.boards.of(self.services, self.member.organization_id, anew=anew)

    async def is_sure(self) -> bool:
        """Whether the form says that it is meant: a script has asked, or a page that `ask` made."""
        return bool((await self.request.form()).get("sure"))

    async def ask(self, question: str, button: str, back: str, **fields: str) -> Template:
        """A page that asks before something is gone; its form asks for the same again, and says that it is meant."""
        action = self.request.scope["path"]
        return await self.show(
            "confirm.html", question=question, button=button, back=back, action=action, fields=fields
        )

    def done(self, sentence: str, to: str) -> Redirect:
        """Lead on to a page that says this sentence once."""
        return Redirect(to, status_code=303, cookies=[flash(sentence)])

    @property
    def by_script(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return "hx-request" in self.request.headers


def flash(sentence: str) -> Cookie:
    """A sentence for the next page; it is no secret, and names and messages in it stay text."""
    value, lasts = (quote(sentence), 60) if sentence else ("", 0)
    return Cookie(key=FLASH, value=value, max_age=lasts, path="/", httponly=True, samesite="lax")


def told(request: Asked) -> str | None:
    """What the page before has left to say."""
    return unquote(request.cookies.get(FLASH, ""))[:500] or None


def bare(template: str, status: int = 200, **parts: Any) -> Template:
    """A page for a reader who may not be signed in."""
    return Template(
        template,
        context={"member": None, "here": "", "notice": None} | parts,
        status_code=status,
        headers=dict(HEADERS),
    )


ReaderDep = NamedDependency[Reader]
