"""Alerts by mail and by Slack: Prefect's own automations and notifications, received here (webhook: test_health)."""

import email
import subprocess
from email.message import EmailMessage
from email.policy import default
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from deployments.stack.credential import FILE
from tests.acceptance.kit import SOURCES, eventually, finished, options, register, unique
from tests.fixtures.alerts import mail_server, slack_server
from tests.fixtures.servers.database import Server, free_port
from tests.fixtures.service import Service, running_stack

OWN = {"PREFECT_SERVER_API_AUTH_STRING": "admin:secretpw", "PREFECT_API_AUTH_STRING": "admin:secretpw"}
HOOK = "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def asks_for_the_operators_own(service: Service) -> None:
    """Prefect's API refuses everything but the credential that was given, and none was made up beside it."""
    pool = f"{service.prefect}/work_pools/sourcecheck"
    wanted = {None: 401, ("sourcecheck", ""): 401, ("admin", "secretpw"): 200}
    assert {auth: httpx.get(pool, auth=auth).status_code for auth in wanted} == wanted
    assert not (service.home / "secrets" / FILE).exists()


def test_mail_and_slack(tmp_path: Path, embedded: Server) -> None:
    """A source goes down, and comes back: one mail and one message each, with the reason and what to do.

    The stack has an operator's own credential of Prefect's, and so have the commands (security row 15).
    """
    (tmp_path / "home").mkdir()
    with (
        mail_server() as (port, mails),
        slack_server(tmp_path) as (environ, messages),
        running_stack(tmp_path / "home", **environ, **OWN) as service,
        service.client() as admin,
    ):
        asks_for_the_operators_own(service)
        mailed = f"mailto://127.0.0.1:{port}?from=sourcecheck@example.org&to=oncall@example.org"
        assert "is made" in service.command("automations", "mail", mailed)
        assert "is made" in service.command("automations", "slack", f"https://hooks.slack.com{HOOK}")
        source = register(admin, unique("Alerted"), options(embedded), down_after=1, up_after=1)
        name = admin.get(f"{SOURCES}/{source}").json()["name"]
        finished(admin, source)
        wrong = options(embedded, port=free_port())
        assert admin.patch(f"{SOURCES}/{source}", json={"options": wrong}).status_code == 200
        finished(admin, source)
        eventually(lambda: mails and messages)
        assert admin.patch(f"{SOURCES}/{source}", json={"options": options(embedded)}).status_code == 200
        finished(admin, source)
        eventually(lambda: len(mails) > 1 and len(messages) > 1)

    assert [mail.rcpt_tos for mail in mails] == [["oncall@example.org"]] * 2
    down, up = (cast(EmailMessage, email.message_from_bytes(mail.content, policy=default)) for mail in mails)
    assert (down["Subject"], up["Subject"]) == (f"{name} went down", f"{name} came up")
    body = down.get_body()
    assert body is not None
    assert "CONNECTION_ERROR" in body.get_content()

    assert [path for path, _ in messages] == [HOOK] * 2
    (first,), (second,) = (message["attachments"] for _, message in messages)
    assert (first["title"], second["title"]) == (f"{name} went down", f"{name} came up")
    assert "CONNECTION_ERROR" in first["text"]


def test_alerts_are_told_apart_listed_tried_and_removed(
    service: Service, admin: httpx.Client, embedded: Server, receiver: ThreadingHTTPServer
) -> None:
    """Each has a name of its own, a second one of a taken name is refused, and a test reaches the receiver alone."""
    received: list[tuple[str, dict[str, Any]]] = receiver.received  # type: ignore[attr-defined]
    address = f"http://127.0.0.1:{receiver.server_address[1]}/tried"
    source = register(admin, unique("Tried"), options(embedded))
    mine, other = f"tried {source}", f"other {source}"
    words = ("automations", "webhook", address, "--source", str(source))
    said = service.command(*words, "--name", mine, "--test")
    assert "is made" in said
    assert "has sent" in said
    assert "is made" in service.command(*words, "--name", other)
    eventually(lambda: received)
    assert [(path, told["payload"]["error_code"]) for path, told in received] == [("/tried", "TEST")]
    said = refused(service, *words[:2], f"{address}/elsewhere", "--source", str(source), "--name", mine)
    assert f"(`sourcecheck automations remove '{mine}'`)" in said
    listed = service.command("automations", "list")
    assert mine in listed
    assert other in listed
    assert "/tried" not in listed
    service.command("automations", "remove", other)
    assert other not in service.command("automations", "list")
    assert mine in service.command("automations", "list")
    assert "has made no automation" in refused(service, "automations", "remove", other)
    assert "there is no data source" in refused(service, "automations", "webhook", address, "--source", "99999999")
    assert "begins with https://" in refused(service, "automations", "slack", "hooks.slack.com/x")
    service.command("automations", "remove", mine)


def refused(service: Service, *words: str) -> str:
    """What a command says that fails."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        service.command(*words)
    assert failed.value.returncode == 1
    return str(failed.value.stderr).strip()
