"""Google Cloud Storage of others: gcp-storage-emulator, which knows no logins, behind a front that does."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.doubles.https import Answer, Request, https_double
from tests.emulators.kit import environment, scratch_folder
from tests.emulators.stores import OBJECTS
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import authority_and_certificate, free_port

BUCKET = "shop-data"
HOP = {"content-length", "transfer-encoding", "connection", "server", "date"}
"""Headers of one connection."""


def new_key(email: str) -> tuple[str, Any]:
    """A service account's key file, and what its tokens are checked with."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    file = {
        "type": "service_account", "project_id": "shop", "private_key_id": "1", "private_key": pem, "client_id": "2",
        "client_email": email, "token_uri": "https://oauth2.googleapis.com/token", "universe_domain": "googleapis.com",
    }  # fmt: skip
    return json.dumps(file), private.public_key()


@dataclass
class GcsServer:
    """The emulator, its front, and the key of our user."""

    emulator: str
    identity: Path
    """The folder of the front's certificate and key."""
    port: int = 0
    ca: str = ""
    key: str = ""
    users: dict[str, Any] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """What Google would say of the token and of `locked`; all else is the emulator's."""
        token = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        try:
            said = jwt.decode(token, options={"verify_signature": False})
            jwt.decode(token, self.users[said["iss"]], algorithms=["RS256"], options={"verify_aud": False})
        except (jwt.InvalidTokenError, KeyError):
            return refusal(401, "authError", "Invalid Credentials")
        if "/locked" in unquote(request.path) or b'"name": "locked/' in request.body:
            return refusal(403, "forbidden", f"{said['iss']} does not have storage.objects.create access.")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP | {"host"}}
        found = httpx.request(
            request.method, self.emulator + request.path, headers=headers, content=request.body, timeout=30
        )
        kept_headers = {name: value for name, value in found.headers.items() if name.lower() not in HOP}
        return found.status_code, kept_headers, found.content

    def objects(self, prefix: str) -> list[str]:
        """Names of the emulator's objects."""
        found = httpx.get(f"{self.emulator}/storage/v1/b/{BUCKET}/o", params={"prefix": prefix}).json()
        return [item["name"] for item in found.get("items", [])]

    def put(self, name: str, data: bytes) -> None:
        """Write an object past the front."""
        place = f"{self.emulator}/upload/storage/v1/b/{BUCKET}/o"
        headers = {"Content-Type": "text/plain"}
        sent = {"uploadType": "media", "name": name}
        httpx.post(place, params=sent, content=data, headers=headers).raise_for_status()

    def delete(self, name: str) -> None:
        """Remove an object past the front."""
        httpx.delete(f"{self.emulator}/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}").raise_for_status()


def refusal(status: int, reason: str, message: str) -> Answer:
    """An error as the JSON API writes it."""
    error = {"code": status, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}
    return status, {"Content-Type": "application/json"}, json.dumps({"error": error}).encode()


@pytest.fixture(scope="session")
def gcs() -> Iterator[GcsServer]:
    """The emulator with a bucket, and a front that lets one service account in."""
    home, port = environment("gcs"), free_port()
    command = [
        str(home / "bin" / "python"), str(home / "bin" / "gcp-storage-emulator"), "start", "--host=127.0.0.1",
        f"--port={port}", "--in-memory", "--default-bucket", BUCKET, "--quiet",
    ]  # fmt: skip
    ca, certificate, key = authority_and_certificate()
    with (
        scratch_folder("gcs") as folder,
        kept(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
    ):
        server = GcsServer(f"http://127.0.0.1:{port}", folder)
        server.key, server.users["reader@shop.iam.gserviceaccount.com"] = new_key("reader@shop.iam.gserviceaccount.com")
        (folder / "server.crt").write_bytes(certificate)
        (folder / "server.key").write_bytes(key)
        _wait(server.emulator, process)
        for name in OBJECTS:
            if not name.endswith("/"):  # the emulator dies of a placeholder
                server.put(name, b"data")
        with https_double(server.answer, (ca, certificate, key)) as front:
            server.port, server.ca = front.port, front.ca
            yield server


def _wait(address: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while True:
        try:
            httpx.get(address, timeout=5)
        except httpx.TransportError:
            if time.monotonic() > until or process.poll() is not None:
                raise
            time.sleep(0.1)
        else:
            return
