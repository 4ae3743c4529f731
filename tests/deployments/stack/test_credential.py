"""The credential of Prefect's API: made up once, or the operator's own, and given to whom it concerns (security row 15)."""

import os
from pathlib import Path

import pytest
import yaml

from datasources.model.errors import SettingsError
from datasources.model.settings import Settings
from deployments.stack.credential import CLIENT, FILE, SERVER, credential, given_credential
from deployments.stack.home import Home
from deployments.stack.local import set_prefect_url
from deployments.stack.prefect_env import client_environ, server_environ

OWN = "admin:secretpw"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A fresh home, and an environment that says nothing of Prefect."""
    for name in (CLIENT, SERVER, "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    home = Home(tmp_path)
    home.make()
    return home


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({SERVER: "", CLIENT: ""}, None),
        ({SERVER: OWN}, OWN),
        ({CLIENT: OWN}, OWN),
        ({SERVER: OWN, CLIENT: OWN}, OWN),
    ],
)
def test_the_operators_own(environ: dict[str, str], expected: str | None) -> None:
    """One of the two variables is enough."""
    assert given_credential(environ) == expected


def test_two_that_differ() -> None:
    """The server would refuse its own clients: the start says so instead."""
    with pytest.raises(SettingsError, match="differ"):
        given_credential({SERVER: OWN, CLIENT: "admin:another"})


def test_made_up_once(home: Home) -> None:
    """Long, kept with mode 0600, the same at the next start; the operator's own is never written down."""
    first = credential(home)
    assert credential(home) == first
    assert len(first) > 40
    assert home.secret_file(FILE).stat().st_mode & 0o777 == 0o600


def test_the_operators_own_is_passed_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """To our own server and its clients, and to the clients of an existing one; nothing is made up beside it."""
    monkeypatch.setenv(SERVER, OWN)
    monkeypatch.setenv(CLIENT, OWN)
    server = server_environ(home, Settings(), "postgresql://u:p@h/d", credential(home))
    assert (server[SERVER], server[CLIENT]) == (OWN, OWN)
    for own_server in (True, False):
        client = client_environ(home, Settings(), own_server=own_server, credential=given_credential())
        assert (client[CLIENT], SERVER in client) == (OWN, False)
    assert not home.secret_file(FILE).exists()


def test_the_server_is_closed(home: Home) -> None:
    """CSRF protection on, and one origin: the UI's."""
    for url, origin in ((None, "http://127.0.0.1:4200"), ("https://Prefect.example/ui/", "https://prefect.example")):
        environ = server_environ(home, Settings(prefect_ui_url=url), "postgresql://u:p@h/d", OWN)
        assert environ["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == origin
        assert environ["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"


@pytest.mark.parametrize(
    ("address", "told"), [("http://127.0.0.1:4200/api", True), ("http://elsewhere:4200/api", False)]
)
def test_commands_find_the_credential_of_their_own_stack_only(
    home: Home, monkeypatch: pytest.MonkeyPatch, address: str, told: bool
) -> None:
    """A made-up credential is never sent to another server."""
    made = credential(home)
    home.remember("stack", {"prefect_api_url": "http://127.0.0.1:4200/api"})
    monkeypatch.setenv("PREFECT_API_URL", "restored after the test")
    monkeypatch.setenv(CLIENT, "")
    set_prefect_url(Settings(home=str(home.path), prefect_api_url=address))
    assert (os.environ[CLIENT] == made) is told


def test_every_part_of_the_split_server_has_one() -> None:
    """In the compose file there is no default for it, and every service that runs our image is given it."""
    compose = yaml.safe_load((ROOT / "deployments/compose.scale.yaml").read_text())
    ours = {name: found for name, found in compose["services"].items() if found.get("image") == "sourcecheck"}
    assert len(ours) == 8
    assert {found["environment"].get(CLIENT) for found in ours.values()} == {"${PREFECT_API_AUTH_STRING:?}"}
    servers = [found for found in ours.values() if SERVER in found["environment"]]
    assert len(servers) == 4
    assert {found["environment"]["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] for found in servers} == {"true"}
