"""`/metrics`, without a key: it holds no name, no host, no id and no secret."""

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.dependencies import ServicesDep


@get("/metrics", tags=["Service"], operation_id="metrics", media_type="text/plain")
async def metrics(services: ServicesDep) -> Response[bytes]:
    """Figures for Prometheus, in its text format."""
    await services.figures.refresh()
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
