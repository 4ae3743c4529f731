"""Alerts and members by the client and by the command line, with the Prefect server that sends the alerts."""

import asyncio
import json
from http.server import ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from sourcecheck import AsyncClient, Client, Conflict, Forbidden, NotFound, Unauthorized
from sourcecheck.cli.main import run

from tests.acceptance.kit import SOURCES, eventually, options, register, unique
from tests.fixtures.servers.database import Server
from tests.fixtures.service import KEY, Service


class Terminal:
    """Runs commands as a person would, in this process."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def __call__(self, *words: str, code: int = 0) -> str:
        """What a command says, which ends with this code."""
        self._captured.readouterr()
        assert run([*words, "--no-color"]) == code
        said = self._captured.readouterr()
        return said.out + said.err

    def json(self, *words: str) -> Any:
        """What a command answers to programs."""
        self._captured.readouterr()
        assert run([*words, "--json"]) == 0
        return json.loads(self._captured.readouterr().out)


@pytest.fixture
def terminal(service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal of the first administrator's."""
    monkeypatch.setenv("SOURCECHECK_URL", service.api)
    monkeypatch.setenv("SOURCECHECK_API_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "200")
    return Terminal(capsys)


def test_alerts(
    service: Service, admin: httpx.Client, embedded: Server, receiver: ThreadingHTTPServer, terminal: Terminal
) -> None:
    """Added, listed, tried, paused, resumed and removed; the address is answered by none of it."""
    received: list[tuple[str, dict[str, Any]]] = receiver.received  # type: ignore[attr-defined]
    address = f"http://127.0.0.1:{receiver.server_address[1]}/s3cret-path"
    source = register(admin, unique("Told"), options(embedded))
    source_name = admin.get(f"{SOURCES}/{source}").json()["name"]
    name = f"on call {source}"
    assert "Added the alert" in terminal("alerts", "add", "webhook", address, "--source", source_name, "--name", name)
    assert "another alert" in terminal("alerts", "add", "webhook", address + "2", "--name", name, code=2).lower()
    assert "begins with https://hooks.slack.com/" in terminal("alerts", "add", "slack", "https://x.example", code=2)
    (row,) = [line for line in terminal("alerts", "list").splitlines() if name in line]
    assert source_name in row
    assert "webhook" in row
    assert "127.0.0.1" in row
    assert "s3cret-path" not in json.dumps(terminal.json("alerts", "list"))
    assert "as a test: look for it" in terminal("alerts", "try", name)
    eventually(lambda: received)
    assert [told["payload"]["error_code"] for _, told in received] == ["TEST"]
    assert terminal.json("alerts", "pause", name)["paused"] is True
    with Client(service.api, KEY) as client:
        (alert,) = [each for each in client.list_alerts() if each.name == name]
        assert (alert.kind, alert.receiver, alert.data_source_id, alert.paused) == (
            "webhook",
            "127.0.0.1",
            source,
            True,
        )
        assert client.resume_alert(alert.id).paused is False
    assert "add --yes" in terminal("alerts", "remove", name, code=2)
    assert "Removed the alert" in terminal("alerts", "remove", alert.id, "--yes")
    assert "no alert is called" in terminal("alerts", "try", name, code=2)

    async def again() -> None:
        async with AsyncClient(service.api, KEY) as client:
            made = await client.create_alert("webhook", address, name=name)
            assert (await client.pause_alert(made.id)).paused is True
            await client.delete_alert(made.id)
            with pytest.raises(NotFound):
                await client.delete_alert(made.id)

    asyncio.run(again())


def test_members(service: Service, terminal: Terminal) -> None:
    """Invited with a key that works, given another role and another key, removed; then no key of theirs does."""
    name = unique("Ada")
    email = f"{name.replace(' ', '-').lower()}@example.org"
    made = terminal.json("members", "invite", name, "--email", email, "--on-question", "fail")
    assert made["sign_in"].startswith(f"{service.api}/sign-in/")
    assert "taken" in terminal("members", "invite", name, "--email", email, code=2)
    caller = terminal.json("whoami")["user"]
    assert caller in [member["name"] for member in terminal.json("members", "list")]
    assert terminal("whoami").startswith(f"{caller}, of ")
    with Client(service.api, made["key"]) as hers:
        assert hers.organization().user_id == made["user_id"]
        assert name in [member.name for member in hers.list_members()]
        with pytest.raises(Forbidden):
            hers.invite_member("Somebody else")
        assert "is an administrator now" in terminal("members", "role", email, "admin")
        (row,) = [line for line in terminal("members", "list").splitlines() if name in line]
        assert "admin" in row
        said = terminal("members", "key", name)
        assert "Sign in:" in said
        assert "only time" in said
        (second,) = [line.split()[-1] for line in said.splitlines() if line.startswith("API key:")]
        assert "Removed" in terminal("members", "remove", str(made["user_id"]), "--yes")
        for key in (made["key"], second):
            with pytest.raises((Unauthorized, Forbidden)):
                eventually_refused(service, key)

    async def the_others() -> None:
        async with AsyncClient(service.api, KEY) as client:
            own = (await client.organization()).user_id
            other = await client.invite_member(unique("Grace"), role="admin")
            assert (await client.change_role(other.user_id, "member")).role == "member"
            assert (await client.invite_member_again(other.user_id)).key != other.key
            await client.remove_member(other.user_id)
            if [member.id for member in await client.list_members() if member.role == "admin"] == [own]:
                with pytest.raises(Conflict):
                    await client.change_role(own, "member")

    asyncio.run(the_others())


def eventually_refused(service: Service, key: str) -> None:
    """Ask with this key until it is refused, which takes up to a second in other processes."""
    with Client(service.api, key) as client:
        eventually(lambda: client.organization() and False)
