"""Whether this service lives, whether a test would be taken up, and figures about both."""

from hmac import compare_digest
from typing import Any

from litestar import Request, Response, get
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.background.source_metrics import source_metrics
from api.dependencies import ServicesDep
from api.readiness import readiness
from api.wire.errors import Problem
from api.wire.responses import NOT_READY
from api.wire.schemas import Liveness, Readiness

SCHEME = "Bearer "
BEARER = {"WWW-Authenticate": "Bearer"}


@get("/health/live", tags=["Service"], summary="Tell whether the process answers", operation_id="live")
async def live() -> Liveness:
    """Return 200 as long as the process answers, without asking any other part."""
    return Liveness()


@get(
    "/health/ready",
    tags=["Service"],
    summary="Tell whether the service can run tests",
    operation_id="ready",
    responses=NOT_READY,
)
async def ready(services: ServicesDep) -> Response[Readiness]:
    """Return 200 if a test would start now, otherwise 503 and what is missing."""
    found = await readiness(services.settings, services.vault, services.sessions, services.prefect)
    return Response(found, status_code=200 if found.ready else 503)


@get(
    "/metrics",
    tags=["Service"],
    summary="Read metrics for Prometheus",
    operation_id="metrics",
    media_type="text/plain",
)
async def metrics(request: Request[Any, Any, Any], services: ServicesDep) -> Response[bytes]:
    """Return metrics for Prometheus, in its text format.

    It needs no API key, because no metric holds a name, a host, an id or a secret, unless the operator has switched
    on metrics of each source: then it needs `SOURCECHECK_METRICS_KEY`.
    """
    settings = services.settings
    if settings.metrics_key and not _is_key(request.headers.get("authorization", ""), settings.metrics_key):
        raise Problem(401, "Give the key in SOURCECHECK_METRICS_KEY: Authorization: Bearer <key>", BEARER)
    await services.figures.refresh()
    text = generate_latest()
    if settings.source_metrics:
        text += await source_metrics(services.sessions, settings.source_metrics)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _is_key(given: str, key: str) -> bool:
    return compare_digest(given.encode(), f"{SCHEME}{key}".encode())
