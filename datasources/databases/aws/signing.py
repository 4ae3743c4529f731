"""AWS's Signature Version 4 for one request without a query (AWS, "Create a signed AWS API request")."""

import hashlib
import hmac
import time
from collections.abc import Mapping

from msgspec import Struct

ALGORITHM = "AWS4-HMAC-SHA256"


class AccessKey(Struct, frozen=True):
    """Of a user."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key_id!r})"


def signed(
    key: AccessKey, region: str, service: str, headers: Mapping[str, str], body: bytes, now: float | None = None
) -> dict[str, str]:
    """These headers, `Host` among them, with the date and the signature of a POST to `/`."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    named = {name.lower(): value.strip() for name, value in headers.items()} | {"x-amz-date": stamp}
    names = ";".join(sorted(named))
    lines = "".join(f"{name}:{named[name]}\n" for name in sorted(named))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"{ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    secret = f"AWS4{key.secret}".encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, text.encode(), "sha256").hex()
    proof = f"{ALGORITHM} Credential={key.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return dict(headers) | {"X-Amz-Date": stamp, "Authorization": proof}
