"""Examples of the paths that need no key."""

from api.openapi.examples.example import Example

PARTS = ("catalogue", "prefect", "worker", "settings", "runs")

SERVICE: dict[str, Example] = {
    "live": Example(answer={"status": "live"}),
    "ready": Example(answer={"ready": True, **dict.fromkeys(PARTS, True), "problems": {}}),
    "metrics": Example(answer='sourcecheck_jobs_open{status="waiting"} 0.0\n'),
}
