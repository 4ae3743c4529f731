"""The application: routes, documentation, errors, and what they share."""

from litestar import Litestar
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, RedocRenderPlugin, ScalarRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from api import context
from api.auth import OPEN_PATHS, KeyAuthentication
from api.errors import answer
from api.immediate import ImmediateController
from api.jobs import JobController
from api.keys import KeyController
from api.readiness import live, ready
from api.services import started
from api.sources import SourceController, organization_meta
from datasources.settings import Settings


def create_app() -> Litestar:
    """The application with the settings of the environment. Raises `SettingsError`."""
    app = Litestar(
        route_handlers=[
            SourceController,
            JobController,
            ImmediateController,
            KeyController,
            organization_meta,
            live,
            ready,
        ],
        lifespan=[started],
        guards=[context.integer_ids],
        middleware=[DefineMiddleware(KeyAuthentication, exclude=OPEN_PATHS)],
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
    app.state.settings = Settings.load()
    return app


def documentation() -> OpenAPIConfig:
    """OpenAPI with the published security scheme; pages at `/docs`."""
    return OpenAPIConfig(
        title="sourcecheck",
        version="0.1.0",
        description="Is every data source reachable, and ready for the work we want to do on it?",
        path="/docs",
        render_plugins=[
            SwaggerRenderPlugin(path="/"),
            ScalarRenderPlugin(path="/scalar"),
            RedocRenderPlugin(path="/redoc"),
            JsonRenderPlugin(path="/openapi.json"),
        ],
        security=[{"ApiKeyAuth": []}],
        components=Components(
            security_schemes={
                "ApiKeyAuth": SecurityScheme(
                    type="apiKey",
                    name="Authorization",
                    security_scheme_in="header",
                    description="Use the 'Authorization' header with the format 'Key <api-key>'",
                )
            }
        ),
    )
