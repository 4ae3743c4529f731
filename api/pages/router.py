"""All pages under one roof."""

import hashlib
import hmac

from litestar import Router
from litestar.config.csrf import CSRFConfig
from litestar.di import NamedDependency, Provide

from api.auth import Member
from api.pages.board import Boards
from api.pages.rendering import Asked, Reader
from api.pages.session import PAGE
from api.pages.views.access import AccessController
from api.pages.views.alerts import AlertsController
from api.pages.views.editing import EditingController
from api.pages.views.members import MemberPageController
from api.pages.views.questions import QuestionPageController
from api.pages.views.schedules import SchedulePageController
from api.pages.views.schema import SchemaPageController
from api.pages.views.sign_in import SignInController
from api.pages.views.source import SourcePageController
from api.pages.views.sources import SourcesController
from api.pages.views.timing import TimingController
from api.runtime import Services
from datasources.model.settings import Settings

OTHERS = [r"^/(api|health|static|badge)/", r"^/(docs|metrics)"]
"""Paths that no form leads to: the API takes no cookie, so that there is nothing to forge."""


def pages() -> Router:
    """Every page; its handlers are known by the option `page`."""
    boards = Boards()

    async def provide_reader(
        request: Asked, member: NamedDependency[Member], services: NamedDependency[Services]
    ) -> Reader:
        return Reader(request, member, services, boards)

    return Router(
        path="/",
        route_handlers=[
            SignInController,
            SourcesController,
            EditingController,
            SourcePageController,
            TimingController,
            QuestionPageController,
            SchemaPageController,
            SchedulePageController,
            AccessController,
            MemberPageController,
            AlertsController,
        ],
        opt=PAGE,
        include_in_schema=False,
        dependencies={"reader": Provide(provide_reader)},
    )


def forgery_protection(settings: Settings) -> CSRFConfig:
    """Litestar's: a form has to bring what its page was given. All processes that share their keys share it."""
    secret = hmac.new((settings.secret_keys or "").encode(), b"forms of the pages", hashlib.sha256).hexdigest()
    return CSRFConfig(secret=secret, cookie_name="sourcecheck_forms", cookie_httponly=True, exclude=OTHERS)
