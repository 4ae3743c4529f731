"""moto's server without TLS, which verifies signatures and policies once it is filled."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from tests.emulators.kit import environment
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import free_port

T = TypeVar("T")
Key = tuple[str, str]
"""An access key's id and secret."""


class Moto:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.port = port

    def client(self, service: str, key: Key = ("x", "x")) -> Any:
        """Amazon's own client of a service."""
        import boto3

        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
        )

    def key_of(self, user: str, *actions: str) -> Key:
        """A user who may do these things."""
        iam = self.client("iam")
        iam.create_user(UserName=user)
        allowed = ",".join(f'"{action}"' for action in actions)
        text = (
            f'{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": [{allowed}], "Resource": "*"}}]}}'
        )
        iam.put_user_policy(UserName=user, PolicyName="x", PolicyDocument=text)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


@contextmanager
def running(fill: Callable[[Moto], T]) -> Iterator[tuple[Moto, T]]:
    """A server of its own, and what `fill` has made in it before anything was verified."""
    home, port = environment("moto"), free_port()
    command = [str(home / "bin" / "python"), str(home / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    around = os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": "1000", "AWS_ACCESS_KEY_ID": "x"}
    with kept(command, env=around, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 90
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/moto-api/", timeout=5)
                break
            except httpx.TransportError:
                assert time.monotonic() < until
                assert process.poll() is None
                time.sleep(0.2)
        started = Moto(port)
        made = fill(started)
        httpx.post(f"http://127.0.0.1:{port}/moto-api/reset-auth", content=b"0").raise_for_status()
        yield started, made
