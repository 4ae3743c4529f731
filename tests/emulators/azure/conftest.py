"""Azure storage of others: Microsoft's Azurite by TLS, and a double of Entra that signs tokens for it."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from tests.doubles.https import Answer, Request, https_double
from tests.emulators.kit import environment, scratch_folder, wait_until_listening
from tests.emulators.stores import OBJECTS
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import PASSWORD, authority_and_certificate, free_port

ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, published."""
CLIENT = "00000000-0000-0000-0000-000000000002"
TENANT = "00000000-0000-0000-0000-000000000001"
CONTAINER = "shop"


@dataclass
class AzureServer:
    """Azurite, and where its application logs in."""

    port: int
    ca: str
    entra_port: int = 0
    file: str = ""
    asked: list[Request] = field(default_factory=list)
    """What the double of Entra was asked."""

    def entra(self, request: Request) -> Answer:
        """What Entra answers, as far as an application with a secret asks."""
        place = f"https://localhost:{self.entra_port}/{TENANT}"
        if request.path.endswith("/openid-configuration"):
            return _json(
                200,
                {
                    "issuer": place,
                    "authorization_endpoint": f"{place}/a",
                    "token_endpoint": f"{place}/oauth2/v2.0/token",
                },
            )
        given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if given.get("client_secret") != PASSWORD:
            text = "AADSTS7000215: Invalid client secret provided. Trace ID: 1"
            return _json(401, {"error": "invalid_client", "error_description": text, "error_codes": [7000215]})
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com", "iss": f"https://sts.windows.net/{TENANT}/", "nbf": now - 60,
            "iat": now - 60, "exp": now + 3600, "oid": "1", "tid": TENANT, "sub": "1", "appid": CLIENT, "ver": "1.0",
        }  # fmt: skip
        token = jwt.encode(claims, "not checked by Azurite, but long enough", algorithm="HS256")
        return _json(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    def client(self) -> Any:
        """The account's owner."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient(
            f"https://localhost:{self.port}/{ACCOUNT}",
            credential={"account_name": ACCOUNT, "account_key": ACCOUNT_KEY},
            connection_verify=self.file,
        )


def _json(status: int, body: dict[str, Any]) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


@pytest.fixture(scope="session")
def azurite() -> Iterator[AzureServer]:
    """Azurite with two containers, and the double of Entra."""
    home, port = environment("azurite"), free_port()
    ca, certificate, key = authority_and_certificate()
    with scratch_folder("azurite") as folder:
        for name, text in (("ca.crt", ca.encode()), ("server.crt", certificate), ("server.key", key)):
            (folder / name).write_bytes(text)
        command = [
            "node", str(home / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"), "--silent",
            "--location", str(folder), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--oauth", "basic",
            "--cert", str(folder / "server.crt"), "--key", str(folder / "server.key"), "--skipApiVersionCheck",
            "--disableTelemetry",
        ]  # fmt: skip
        with kept(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_until_listening(port, process, 60)
            server = AzureServer(port, ca, file=str(folder / "ca.crt"))
            with server.client() as client:
                for container in (CONTAINER, "scratch"):
                    client.create_container(container)
                for name in OBJECTS:
                    client.get_blob_client(CONTAINER, name).upload_blob(b"data" if not name.endswith("/") else b"")
            with https_double(server.entra, (ca, certificate, key)) as double:
                server.entra_port, server.asked = double.port, double.asked
                yield server
