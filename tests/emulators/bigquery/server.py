"""local-bigquery with a login: run by the Python that has it.

The API, its jobs and GoogleSQL are the emulator's, over DuckDB. Ours are that tokens are verified, that there is one project,
and that nobody may make a table in `locked`.
"""

import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from local_bigquery import app

PORT, PROJECT, EMAIL, KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]).read_bytes()
AUDIENCE = "https://bigquery.googleapis.com/"


def decoded(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def is_known(header: bytes) -> bool:
    """Whether this is a token of our account, signed with its key, for this API, now."""
    text, _, signature = header.removeprefix(b"Bearer ").rpartition(b".")
    try:
        load_pem_public_key(KEY).verify(decoded(signature), text, padding.PKCS1v15(), SHA256())  # type: ignore[union-attr,call-arg]
        claims = json.loads(decoded(text.split(b".")[1]))
    except (InvalidSignature, ValueError, IndexError):
        return False
    fresh = claims["iat"] <= time.time() <= claims["exp"]
    return bool(fresh and claims["aud"] == AUDIENCE and claims["iss"] == claims["sub"] == EMAIL)


async def refuse(send: Any, status: int, reason: str, message: str) -> None:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}], "status": reason}
    body = json.dumps({"error": error}).encode()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def guarded(scope: Any, receive: Any, send: Any) -> None:
    """The emulator, behind a login."""
    if scope["type"] != "http":
        await app(scope, receive, send)
        return
    if not is_known(dict(scope["headers"]).get(b"authorization", b"")):
        await refuse(send, 401, "authError", "Request had invalid authentication credentials.")
        return
    if f"/projects/{PROJECT}/" not in scope["path"]:
        await refuse(send, 404, "notFound", "Not found: Project nothing")
        return
    message = await receive()
    body = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    if b"CREATE TABLE" in body and b"`locked`" in body:
        await refuse(
            send, 403, "accessDenied", "Access Denied: Dataset lake:locked: Permission bigquery.tables.create denied"
        )
        return
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    await app(scope, again, send)


if __name__ == "__main__":
    assert os.environ["DATA_DIR"]
    uvicorn.run(guarded, host="127.0.0.1", port=PORT, log_level="warning")
