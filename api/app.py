"""The application: routes, documentation, errors, and what they share."""

from litestar import Litestar
from litestar.di import Provide
from litestar.middleware import DefineMiddleware

from api import context
from api.auth import OPEN_PATHS, KeyAuthentication
from api.badge import badge
from api.documentation import add_common_errors, documentation
from api.errors import answer
from api.figures import REQUESTS
from api.host_keys import HostKeyController
from api.immediate import ImmediateController
from api.jobs import JobController
from api.keys import KeyController
from api.limits import key_limit
from api.metrics import metrics
from api.questions import QuestionController
from api.readiness import live, ready
from api.schedules import ScheduleController
from api.services import started
from api.sources import SourceController, organization_meta
from datasources.settings import Settings


def create_app() -> Litestar:
    """The application with the settings of the environment. Raises `SettingsError`."""
    settings = Settings.load()
    app = Litestar(
        route_handlers=[
            SourceController,
            JobController,
            ImmediateController,
            ScheduleController,
            KeyController,
            QuestionController,
            HostKeyController,
            badge,
            organization_meta,
            live,
            ready,
            metrics,
        ],
        lifespan=[started],
        guards=[context.integer_ids],
        middleware=[REQUESTS.middleware, DefineMiddleware(KeyAuthentication, exclude=OPEN_PATHS), key_limit(settings)],
        exception_handlers={Exception: answer},
        dependencies={
            "services": Provide(context.provide_services),
            "member": Provide(context.provide_member),
            "session": Provide(context.provide_session),
        },
        openapi_config=documentation(),
        request_max_body_size=1024 * 1024,
        logging_config=None,
    )
    app.state.settings = settings
    add_common_errors(app.openapi_schema)
    return app
