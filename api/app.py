"""The application: its routes, documentation and errors, and what they share."""

from litestar import Litestar
from litestar.di import Provide
from litestar.middleware import DefineMiddleware

from api import dependencies
from api.auth import OPEN_PATHS, KeyAuthentication
from api.background.job_metrics import REQUESTS
from api.headers import add_headers
from api.limits import limits
from api.openapi import SourceSchemas, complete, documentation, parameters_of
from api.pages.assets import static
from api.pages.errors import answer_any
from api.pages.rendering import template_config
from api.pages.router import forgery_protection, pages
from api.pages.session import SessionAuthentication
from api.parameters import well_formed
from api.routes.alerts import AlertController
from api.routes.answers import QuestionController
from api.routes.api_keys import KeyController
from api.routes.applying import ApplyController
from api.routes.badge import badge, public_badge, publish_badge, withdraw_badge
from api.routes.data_sources import DataSourceController
from api.routes.health import health
from api.routes.host_keys import HostKeyController
from api.routes.immediate import ImmediateController
from api.routes.lineage import lineage
from api.routes.members import MemberController
from api.routes.schedules import ScheduleController
from api.routes.schemas import SchemaController
from api.routes.sources import SourceController, organization_meta
from api.routes.status import live, metrics, ready
from api.routes.tests import JobController
from api.runtime import started
from datasources.model.settings import Settings

MAX_BODY_BYTES = 512 * 1024
"""Room for the longest test query, in any script, and for the keys and certificates of a source."""


def create_app() -> Litestar:
    """Build the application from the settings in the environment. Raises `SettingsError`."""
    settings = Settings.load()
    app = Litestar(
        route_handlers=[
            SourceController,
            ApplyController,
            JobController,
            DataSourceController,
            ImmediateController,
            ScheduleController,
            KeyController,
            QuestionController,
            HostKeyController,
            MemberController,
            AlertController,
            SchemaController,
            lineage,
            health,
            badge,
            public_badge,
            publish_badge,
            withdraw_badge,
            organization_meta,
            pages(),
            static,
            live,
            ready,
            metrics,
        ],
        lifespan=[started],
        guards=[well_formed],
        middleware=[
            REQUESTS.middleware,
            DefineMiddleware(KeyAuthentication, exclude=OPEN_PATHS),
            DefineMiddleware(SessionAuthentication),
            *limits(settings),
        ],
        csrf_config=forgery_protection(settings),
        template_config=template_config(),
        exception_handlers={Exception: answer_any},
        dependencies={
            "services": Provide(dependencies.provide_services),
            "member": Provide(dependencies.provide_member),
            "session": Provide(dependencies.provide_session),
        },
        openapi_config=documentation(),
        plugins=[SourceSchemas()],
        request_max_body_size=MAX_BODY_BYTES,
        before_send=[add_headers],
        logging_config=None,
    )
    app.state.settings = settings
    app.state.parameters = parameters_of(app.openapi_schema)
    complete(app.openapi_schema)
    return app
