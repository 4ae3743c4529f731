"""BigQuery as local-bigquery has it, in an environment of its own, with the key of an account."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from datasources.databases.bigquery.keys import service_account
from tests.emulators.kit import environment, scratch_folder, wait_until_listening
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import free_port

SERVER = Path(__file__).parent / "server.py"
EXTENSIONS = ("ducklake", "icu", "spatial", "sqlite_scanner")
EMAIL = "reader@lake.iam.gserviceaccount.com"
SHOP = """
CREATE SCHEMA shop; CREATE SCHEMA scratch; CREATE SCHEMA locked;
CREATE TABLE shop.customer (id INT64 NOT NULL, name STRING NOT NULL, PRIMARY KEY (id) NOT ENFORCED);
CREATE TABLE shop.orders (id INT64 NOT NULL, customer_id INT64, total NUMERIC(10, 2) OPTIONS (description = 'In euros'),
    PRIMARY KEY (id) NOT ENFORCED, FOREIGN KEY (customer_id) REFERENCES shop.customer (id) NOT ENFORCED)
    OPTIONS (description = 'What was bought');
CREATE VIEW shop.totals AS SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY customer_id;
CREATE VIEW shop.best AS SELECT c.name, t.total FROM shop.totals AS t JOIN shop.customer AS c ON c.id = t.customer_id
"""


def key_file(email: str, key: rsa.RSAPrivateKey, **more: str) -> str:
    """As Google makes it for a service account."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    facts = {
        "type": "service_account", "project_id": "lake", "private_key_id": "1", "private_key": pem, "client_email": email,
        "client_id": "1", "token_uri": "https://oauth2.googleapis.com/token", "universe_domain": "googleapis.com",
    }  # fmt: skip
    return json.dumps(facts | more)


@dataclass(frozen=True)
class Bigquery:
    """A running emulator."""

    port: int
    key: str
    other_key: str
    stranger: str

    def run(self, *statements: str) -> list[Any]:
        """What each statement answers."""
        found = []
        token = service_account(self.key).signed("https://bigquery.googleapis.com/")
        for statement in statements:
            answer = httpx.post(
                f"http://127.0.0.1:{self.port}/bigquery/v2/projects/lake/queries",
                json={"query": statement, "useLegacySql": False},
                headers={"Authorization": f"Bearer {token}"},
                timeout=60,
            )
            assert answer.status_code == 200, answer.text
            found.append([[cell["v"] for cell in row["f"]] for row in answer.json().get("rows", [])])
        return found


@pytest.fixture(scope="session")
def bigquery() -> Iterator[Bigquery]:
    """local-bigquery, with the shop in it."""
    home, port = environment("bigquery"), free_port()
    python = str(home / "bin" / "python")
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
    texts = (
        key_file(EMAIL, keys[0]),
        key_file(EMAIL, keys[1]),
        key_file("stranger@lake.iam.gserviceaccount.com", keys[1]),
    )
    with scratch_folder("bigquery") as folder:
        (folder / "key.pem").write_bytes(
            keys[0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        settings = {"HOME": str(home), "DATA_DIR": str(folder / "data"), "DEFAULT_PROJECT_ID": "lake"}
        around = {**os.environ, **settings, "CALLER": EMAIL}
        imported = "; ".join(f"duckdb_extensions.import_extension({name!r})" for name in EXTENSIONS)
        subprocess.run(
            [python, "-c", f"import duckdb_extensions; {imported}"], env=around, check=True, capture_output=True
        )
        command = [python, str(SERVER), str(port), "lake", EMAIL, str(folder / "key.pem")]
        with kept(command, env=around, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("wb")) as process:
            wait_until_listening(port, process, 120, folder / "log")
            started = Bigquery(port, *texts)
            started.run(*(statement for statement in SHOP.split(";") if statement.strip()))
            yield started
