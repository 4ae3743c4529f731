"""References to secrets are resolved for allowed hosts alone, and say nothing about what is not allowed."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datasources.databases import AnySource
from datasources.model.errors import SourceUnreachable
from datasources.model.inputs.secret_references import rules
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.secrecy.references import LOCAL, MOST_BYTES, keep_variables, resolve


def source(reference: str, **more: Any) -> Source:
    """A source whose password is a reference."""
    options = {"host": "db", "user": "me", "dbname": "shop", "password": reference}
    data = {"name": "Shop", "type": "pg", "options": options, "secret_references": {"options.password": reference}}
    found: Source = msgspec.convert(data | more, AnySource)
    return found


async def password(reference: str, setting: str, **more: Any) -> str:
    """What the reference means."""
    found = await resolve(source(reference, **more), 1, rules(setting), LOCAL)
    return str(found.options.secrets()["password"])


async def refused(reference: str, setting: str, **more: Any) -> str:
    """Why it is not to be had."""
    with pytest.raises(SourceUnreachable) as caught:
        await password(reference, setting, **more)
    assert caught.value.code is ErrorCode.SECRET_UNAVAILABLE
    assert caught.value.details == {"stage": "secret", "field": "options.password"}
    return caught.value.message


async def test_a_file_and_its_rotation(tmp_path: Path) -> None:
    """Read anew each time, without the line break at its end."""
    file = tmp_path / "shop"
    for secret in ("first", "second\n"):
        file.write_text(secret)
        assert await password(f"file:{file}", f"file:{tmp_path}/*@db") == secret.strip()


async def test_what_is_no_file_to_read(tmp_path: Path) -> None:
    """A pipe is not waited for; no content is in a message."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("x" * (MOST_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    rule = f"file:{tmp_path}/*@db"
    reasons = {"pipe": "not a file", "large": "larger", "binary": "not text", "none": "No such file"}
    for name, reason in reasons.items():
        assert reason in await refused(f"file:{tmp_path}/{name}", rule)


async def test_what_is_not_allowed_is_not_looked_for(tmp_path: Path) -> None:
    """The answer is the same whether there is such a file, variable or vault (security row 29)."""
    (tmp_path / "there").write_text("x")
    said = {await refused(f"file:{tmp_path}/{name}", "env:*@*") for name in ("there", "missing")}
    assert {text.replace("there", "X").replace("missing", "X") for text in said} == {
        f"The operator does not allow file:{tmp_path}/X for this host"
    }


async def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment, or those that this process was told; never the service's own."""
    monkeypatch.setenv("SHOP_PASSWORD", "canary")
    monkeypatch.setenv("SOURCECHECK_SECRET_KEYS", "key")
    assert await password("env:SHOP_PASSWORD", "env:SHOP_*@db") == "canary"
    assert "no such variable" in await refused("env:SHOP_OTHER", "env:SHOP_*@db")
    keep_variables({"SHOP_TOLD": "told"})
    assert await password("env:SHOP_TOLD", "env:SHOP_*@db") == "told"
    assert "does not allow" in await refused("env:SOURCECHECK_SECRET_KEYS", "env:*@*")


async def test_a_gateway_is_a_host_too() -> None:
    """Who chooses the gateway chooses what any name behind it is: it has to be allowed as well."""
    tunnel = {"ssh_tunnel": {"host": "gateway", "username": "me"}}
    keep_variables({"SHOP_A": "a"})
    assert "does not allow" in await refused("env:SHOP_A", "env:SHOP_A@db", **tunnel)
    assert await password("env:SHOP_A", "env:SHOP_A@db env:SHOP_A@gateway", **tunnel) == "a"


async def test_a_vault_that_is_not_installed() -> None:
    """Is named."""
    assert "no vault of the kind hashicorp" in await refused("vault:hashicorp/shop", "vault:hashicorp/*@db")


async def test_a_vault_that_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution's entry point is given the path, and its sentence is told when it has no such secret."""
    module = "async def read(path):\n    if path != 'shop#password':\n        raise LookupError('sealed')\n    return 'canary'\n"
    (tmp_path / "vault_of_a_test.py").write_text(module)
    (tmp_path / "vault_of_a_test-1.dist-info").mkdir()
    (tmp_path / "vault_of_a_test-1.dist-info/METADATA").write_text("Name: vault-of-a-test\nVersion: 1\n")
    points = "[sourcecheck.vaults]\nof-a-test = vault_of_a_test:read\n"
    (tmp_path / "vault_of_a_test-1.dist-info/entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path))
    rule = "vault:of-a-test/*@db"
    assert await password("vault:of-a-test/shop#password", rule) == "canary"
    assert (await refused("vault:of-a-test/other", rule)).endswith("cannot be resolved: sealed")
    assert "does not allow" in await refused("vault:other/shop", rule)
