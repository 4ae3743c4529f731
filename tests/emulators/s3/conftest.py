"""S3 of others: moto's server, which checks signatures and IAM policies once it has been set up."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.emulators.kit import environment, scratch_folder
from tests.emulators.stores import OBJECTS
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import authority_and_certificate, free_port

BUCKET = "shop-data"
REGION = "us-east-1"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": f"arn:aws:s3:::{BUCKET}/scratch/*",
        },
    ],
}


@dataclass(frozen=True)
class MotoServer:
    """A running server, and the keys of our user and of its administrator."""

    port: int
    ca: str
    reader: tuple[str, str]
    admin: tuple[str, str]
    folder: str

    def client(self, service: str = "s3", login: tuple[str, str] | None = None) -> Any:
        """The administrator's."""
        return client(self.port, f"{self.folder}/ca.crt", login or self.admin, service)


def client(port: int, ca: str, login: tuple[str, str], service: str) -> Any:
    """A client of boto3 as anyone would make it."""
    import boto3

    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=f"https://localhost:{port}",
        aws_access_key_id=login[0],
        aws_secret_access_key=login[1],
        verify=ca,
    )


@pytest.fixture(scope="session")
def moto_s3() -> Iterator[MotoServer]:
    """moto."""
    with running_moto() as server:
        yield server


@contextmanager
def running_moto() -> Iterator[MotoServer]:
    """A server of its own, with a bucket and two users."""
    home, port = environment("moto"), free_port()
    ca, certificate, key = authority_and_certificate()
    with scratch_folder("moto") as folder:
        for name, text in (("ca.crt", ca.encode()), ("server.crt", certificate), ("server.key", key)):
            (folder / name).write_bytes(text)
        command = [
            str(home / "bin" / "python"), str(home / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port),
            "-c", str(folder / "server.crt"), "-k", str(folder / "server.key"),
        ]  # fmt: skip
        environ = os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": "1000", "AWS_ACCESS_KEY_ID": "x"}
        with kept(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            _wait(port, process)
            reader, admin = _filled(port, f"{folder}/ca.crt")
            yield MotoServer(port, ca, reader, admin, str(folder))


def _filled(port: int, ca: str) -> tuple[tuple[str, str], tuple[str, str]]:
    nobody = ("x", "x")
    store, iam = client(port, ca, nobody, "s3"), client(port, ca, nobody, "iam")
    for bucket in (BUCKET, "private-data"):
        store.create_bucket(Bucket=bucket)
    for name in OBJECTS:
        store.put_object(Bucket=BUCKET, Key=name, Body=b"data" if not name.endswith("/") else b"")
    keys = []
    for user, policy in (
        ("reader", POLICY),
        ("admin", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
    ):
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys.append((key["AccessKeyId"], key["SecretAccessKey"]))
    httpx.post(f"https://localhost:{port}/moto-api/reset-auth", content=b"0", verify=False).raise_for_status()
    return keys[0], keys[1]


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 90
    while True:
        try:
            httpx.get(f"https://localhost:{port}/moto-api/", verify=False, timeout=5)
        except httpx.TransportError:
            if time.monotonic() > until or process.poll() is not None:
                raise
            time.sleep(0.2)
        else:
            return
