"""A MongoDB server of others: SecantusDB, with users, roles and TLS."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.kit import environment, scratch_folder, wait_until_listening
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import PASSWORD, authority_and_certificate, free_port

CUSTOMER = {
    "bsonType": "object",
    "required": ["_id", "name"],
    "properties": {"_id": {"bsonType": "int"}, "name": {"bsonType": "string"}},
}
ORDERS = {
    "bsonType": "object",
    "description": "What was bought",
    "required": ["_id"],
    "properties": {
        "_id": {"bsonType": "int"},
        "customer_id": {"bsonType": ["int", "null"]},
        "total": {"bsonType": "decimal", "description": "In euros"},
    },
}
TOTALS = [{"$group": {"_id": "$customer_id", "total": {"$sum": "$total"}}}]
BEST = [
    {"$lookup": {"from": "customer", "localField": "_id", "foreignField": "_id", "as": "who"}},
    {"$facet": {"old": [{"$unionWith": {"coll": "loose", "pipeline": [{"$unionWith": "orders"}]}}]}},
]
ROLES = [{"role": "read", "db": "shop"}, {"role": "readWrite", "db": "scratch"}, {"role": "read", "db": "locked"}]


@dataclass(frozen=True)
class MongoServer:
    """A running server, to which its reader and its administrator log in."""

    port: int
    ca: str
    folder: Path

    @contextmanager
    def client(self) -> Iterator[Any]:
        """The administrator's."""
        import pymongo

        with pymongo.MongoClient(
            "localhost",
            self.port,
            directConnection=True,
            username="admin",
            password=PASSWORD,
            tls=True,
            tlsCAFile=str(self.folder / "ca.crt"),
        ) as client:
            yield client


@pytest.fixture(scope="session")
def mongodb() -> Iterator[MongoServer]:
    """SecantusDB."""
    with running_mongodb() as server:
        yield server


@contextmanager
def running_mongodb() -> Iterator[MongoServer]:
    """A server of its own: users are made without logins, and count after a restart."""
    home = environment("secantus")
    ca, certificate, key = authority_and_certificate()
    with scratch_folder("mongodb") as folder:
        (folder / "ca.crt").write_text(ca)
        (folder / "server.crt").write_bytes(certificate)
        (folder / "server.key").write_bytes(key)
        with _running(home, folder, free_port()) as port:
            _fill(port)
        tls = ["--auth", "--tls-cert-file", f"{folder}/server.crt", "--tls-key-file", f"{folder}/server.key"]
        with _running(home, folder, free_port(), *tls) as port:
            yield MongoServer(port, ca, folder)


def _fill(port: int) -> None:
    import pymongo

    with pymongo.MongoClient("127.0.0.1", port, directConnection=True) as client:
        shop = client["shop"]
        shop.create_collection("customer", validator={"$jsonSchema": CUSTOMER})
        shop.create_collection("orders", validator={"$jsonSchema": ORDERS})
        shop.create_collection("totals", viewOn="orders", pipeline=TOTALS)
        shop.create_collection("best", viewOn="totals", pipeline=BEST)
        shop["loose"].insert_many([{"a": 1, "b": {"c": "x"}}, {"a": "text", "d": None}])
        client["locked"]["seen"].insert_one({"a": 1})
        client["admin"].command("createUser", "admin", pwd=PASSWORD, roles=["root"])
        client["admin"].command("createUser", "reader", pwd=PASSWORD, roles=ROLES)


@contextmanager
def _running(home: Path, folder: Path, port: int, *more: str) -> Iterator[int]:
    command = [
        str(home / "bin" / "python"), str(home / "bin" / "secantusd-py"), "--port", str(port), "--standalone",
        "--cache-size", "64M", "--storage-path", str(folder / "data"), "--log-level", "ERROR", *more,
    ]  # fmt: skip
    with kept(command, 15, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until_listening(port, process, 60)
        yield port
