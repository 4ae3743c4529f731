"""Title, security schemes and tags of the document."""

from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

from api.docs_page import DocsPage

TAGS = {
    "Data sources": "Datafold's API (paths with an underscore): sources of every type, and tests whose result the "
    "client reads later by job id.",
    "Questions": "What a test asks a person before it continues: whether to trust a gateway's key, whether to run a "
    "query, or for a secret.",
    "Data sources and their state": "RiverGen's API (paths with a hyphen): the same sources in an envelope, with "
    "their state.",
    "Immediate tests": "RiverGen's API: a test that answers with its result.",
    "Schemas and lineage": "What a source holds, how that has changed, and what is made from what.",
    "Health": "The history of a source: its checks, uptime and response times.",
    "Schedules": "When the service checks a source on its own.",
    "Alerts": "Who hears when a source goes down or comes back: a webhook, a Slack channel, or people by mail.",
    "API keys": "The caller's own keys.",
    "SSH host keys": "Keys of SSH gateways that the organization trusts.",
    "Organization": "Whom the key belongs to, and the members of that organization.",
    "Service": "Whether the service works, and metrics about it. These paths need no key.",
}
"""The subjects of operations, in the order in which `/docs` shows them."""
DESCRIPTION = """Is every data source reachable, and ready for the work we want to do on it?

The service speaks the APIs of two products, which share sources, jobs and history: paths with an underscore
(`/api/v1/data_sources`) are Datafold's, paths with a hyphen (`/api/v1/data-sources`) are RiverGen's. Every path accepts
the key in either form."""


def documentation() -> OpenAPIConfig:
    """The document's head; pages at `/docs`."""
    return OpenAPIConfig(
        title="sourcecheck",
        version="0.1.0",
        description=DESCRIPTION,
        path="/docs",
        render_plugins=[DocsPage(path="/"), JsonRenderPlugin(path="/openapi.json")],
        use_handler_docstrings=True,
        tags=[Tag(name=name, description=text) for name, text in TAGS.items()],
        security=[{"ApiKeyAuth": []}, {"BearerAuth": []}],
        components=Components(
            security_schemes={
                "ApiKeyAuth": SecurityScheme(
                    type="apiKey",
                    name="Authorization",
                    security_scheme_in="header",
                    description="Use the 'Authorization' header with the format 'Key <api-key>'",
                ),
                "BearerAuth": SecurityScheme(
                    type="http", scheme="bearer", description="The same key, sent as 'Bearer <api-key>'"
                ),
            }
        ),
    )
