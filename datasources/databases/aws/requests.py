"""One signed request of a service's API, by the way of a source: resolved once, no redirects, no retries."""

from typing import Any

import msgspec

from datasources.databases.aws.errors import refusal_in
from datasources.databases.aws.service import Service
from datasources.databases.aws.signing import AccessKey, signed
from datasources.databases.flood import ANSWER_BYTES
from datasources.databases.warehouse.http import Way


async def call(
    way: Way, key: AccessKey, service: Service, action: str, body: dict[str, Any], most: int = ANSWER_BYTES
) -> dict[str, Any]:
    """The answer of a service. Raises `Refused`, and what requests raise."""
    named = f"[{service.host}]" if ":" in service.host else service.host
    authority = named if service.port == (443 if service.tls else 80) else f"{named}:{service.port}"
    content = msgspec.json.encode(body)
    headers = {
        "Host": authority,
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"{service.target}.{action}",
    }
    answer = await way.call(
        "POST",
        f"http{'s' if service.tls else ''}://{authority}/",
        headers=signed(key, service.region, service.name, headers, content),
        content=content,
        most=most,
    )
    if answer.status != 200:
        raise refusal_in(answer)
    return answer.read(dict[str, Any])
