"""Templates and what every page has: the reader, the counts at the top, and headers that trust it with little."""

from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined
from litestar import Request
from litestar.di import NamedDependency
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.template import TemplateConfig

from api.auth import Member
from api.pages import assets, times
from api.pages.board import Boards
from api.runtime import Services
from datasources.databases import DATABASES
from datasources.model.texts import visible

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load: its own files. No script and no style stands in it (docs/security.md, row 27)."""
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
Asked = Request[Any, Any, Any]


def template_config() -> TemplateConfig[JinjaTemplateEngine]:
    """Jinja, which escapes whatever a template does not call safe; a name that it does not know is an error."""
    return TemplateConfig(directory=TEMPLATES, engine=JinjaTemplateEngine, engine_callback=_furnish)


def _furnish(engine: JinjaTemplateEngine) -> None:
    environment = engine.engine
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals["asset"] = assets.address
    environment.globals["database"] = DATABASES.get
    environment.filters |= {
        "ago": times.ago,
        "exact": times.exact,
        "machine": times.machine,
        "ms": times.milliseconds,
        "percent": times.percent,
        "span": times.span,
        "visible": visible,
    }


class Reader:
    """Shows pages to the person who asks: what their frame needs, and the page's own part."""

    def __init__(self, request: Asked, member: Member, services: Services, boards: Boards) -> None:
        self.request = request
        self.member = member
        self.services = services
        self.boards = boards

    async def show(self, template: str, status: int = 200, **parts: Any) -> Template:
        """A page within its frame."""
        board = await self.boards.of(self.services, self.member.organization_id)
        frame = {"member": self.member, "counts": board.counts, "ready": await self.boards.ready(self.services)}
        return bare(template, status, **frame | parts)

    @property
    def by_script(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return "hx-request" in self.request.headers


def bare(template: str, status: int = 200, **parts: Any) -> Template:
    """A page for a reader who may not be signed in."""
    return Template(template, context={"member": None, "here": ""} | parts, status_code=status, headers=dict(HEADERS))


ReaderDep = NamedDependency[Reader]
