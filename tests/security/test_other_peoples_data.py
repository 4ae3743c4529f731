"""Nobody sees or changes what is another organization's (security row 13).

The requests are made from the application's own routes: a new one is attacked as soon as it is there.
"""

import http.client
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from litestar import Litestar
from litestar.routes import HTTPRoute

from api.app import create_app
from api.openapi import parameters_of
from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres
from tests.acceptance.kit import SOURCES, finished, options, read, register, unique
from tests.fixtures.acceptance import Organization
from tests.fixtures.servers.database import Server
from tests.fixtures.service import KEY, Service
from tests.wire.answers import valid

UNKNOWN = 2**40
NO_ALERT = "00000000-0000-4000-8000-000000000000"
BODIES: dict[str, Any] = {
    "/confirm": {"fingerprint": "SHA256:" + "A" * 43},
    "/authenticate": {"password": "x"},
    "/members/{user_id}": {"role": "member"},
    "/alerts/{alert}": {"paused": True},
}
"""What a request has to say to be looked at, by the end of its path; all others get an empty object."""
QUESTIONS: dict[str, dict[str, str]] = {
    "/table": {"schema_name": "public", "table_name": "orders"},
    "/schema-search": {"q": "obody else"},
}
"""Query parameters that have to be there, by the end of a path."""
API = "/api/"
"""What needs a key. Of the rest, health, figures and documentation are open; pages ask for a session (tests of pages)."""
OWN_DATA_OF = {
    "data_sources/{source_id}": "source",
    "data_sources/{data_source_id}": "source",
    "data-sources/{source_id}": "source",
    "test/{job_id}": "job",
    "api_keys/{key_id}": "key",
    "ssh_host_keys/{key_id}": "host_key",
    "members/{user_id}": "member",
    "alerts/{alert}": "alert",
}
"""What a parameter of a path is the id of; a new kind of id has to be put in here, and made in `ours`."""


def application() -> Litestar:
    """The application, not started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCECHECK_SECRET_KEYS", Fernet.generate_key().decode())
        return create_app()


def routes(app: Litestar) -> list[tuple[str, str]]:
    """Every method and path of the API: it needs a key."""
    found = [
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in sorted(route.methods - {"OPTIONS"})
    ]
    assert len(found) > 15
    return [(method, path) for method, path in found if path.startswith(API)]


APPLICATION = application()
ROUTES = routes(APPLICATION)
QUERIES = parameters_of(APPLICATION.openapi_schema)
"""The query parameters of each operation: any other is refused."""
WITH_IDS = [(method, path) for method, path in ROUTES if "{" in path]
LISTS = [path for method, path in ROUTES if method == "GET" and "{" not in path]


@pytest.fixture(scope="module")
def ours(admin: httpx.Client, embedded: Server) -> Iterator[dict[str, int | str]]:
    """One of everything that has an id, made by the admin."""
    source = register(admin, unique("Nobody else's"), options(embedded))
    job = finished(admin, source)["id"]
    key = admin.post("/api/v1/api_keys", json={"name": unique("Nobody else's")}).json()["id"]
    host_key = {"host": "nobody-elses.test", "host_key": "SHA256:" + "A" * 43}
    known = admin.post("/api/v1/ssh_host_keys", json=host_key).json()["id"]
    member = admin.post("/api/v1/members", json={"name": unique("Nobody else's")}).json()["user_id"]
    told = {"kind": "webhook", "url": "http://127.0.0.1:9/", "name": unique("Nobody else's")}
    alert = admin.post("/api/v1/alerts", json=told).json()["id"]
    yield {"source": source, "job": job, "key": key, "host_key": known, "member": member, "alert": alert}
    assert admin.get(f"/api/v1/alerts/{alert}").json()["paused"] is False
    assert admin.delete(f"/api/v1/alerts/{alert}").status_code == 204
    assert admin.delete(f"/api/v1/members/{member}").status_code == 204
    (trusted,) = [found for found in admin.get("/api/v1/ssh_host_keys").json() if found["id"] == known]
    assert trusted["revoked_at"] is None
    assert valid(admin.get(f"{SOURCES}/{source}"), "DataSource")["name"].startswith("Nobody else's")
    assert read(admin, job)["status"] == "done"
    (kept,) = [found for found in admin.get("/api/v1/api_keys").json() if found["id"] == key]
    assert kept["revoked_at"] is None


def needed(path: str) -> dict[str, str]:
    """The query parameters without which the path answers nothing."""
    return next((query for end, query in QUESTIONS.items() if path.endswith(end)), {})


def unknown_ids(ids: dict[str, int | str]) -> dict[str, int | str]:
    """The same with ids that nobody has."""
    return {kind: UNKNOWN if isinstance(value, int) else NO_ALERT for kind, value in ids.items()}


def filled(path: str, ids: dict[str, int | str]) -> str:
    """The path with these ids."""
    for place, kind in OWN_DATA_OF.items():
        path = path.replace(place, re.sub(r"\{.*\}", str(ids[kind]), place))
    assert "{" not in path, f"say in OWN_DATA_OF what this is the id of: {path}"
    return path


@pytest.mark.parametrize(("method", "path"), WITH_IDS)
def test_foreign_looks_like_unknown(
    service: Service, stranger: Organization, ours: dict[str, int | str], method: str, path: str
) -> None:
    """404, word for word what an id that nobody has is answered with."""
    body = next((body for end, body in BODIES.items() if path.endswith(end)), {})
    given = {} if method in ("GET", "DELETE") else {"json": body}
    with service.client(stranger.key) as client:
        query = needed(path)
        foreign = client.request(method, filled(path, ours), params=query, **given)
        unknown = client.request(method, filled(path, unknown_ids(ours)), params=query, **given)
    assert (foreign.status_code, unknown.status_code) == (404, 404), foreign.text
    assert foreign.text == unknown.text
    assert foreign.headers.keys() == unknown.headers.keys()


@pytest.mark.parametrize("path", LISTS)
def test_lists_are_our_own(service: Service, stranger: Organization, ours: dict[str, int | str], path: str) -> None:
    """Nothing of another organization is in any list, nor found by any search."""
    assert ours
    with service.client(stranger.key) as client:
        for query in ({}, {"search": "Nobody else", "page_size": 100}, {"search": "%"}):
            known = {name: value for name, value in query.items() if name in QUERIES[path, "get"]}
            answer = client.get(path, params=needed(path) | known)
            assert answer.status_code == 200
            assert "obody else" not in answer.text.replace("-", " ")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nothing_without_a_key(nobody: httpx.Client, ours: dict[str, int | str], method: str, path: str) -> None:
    """401 for every route that is not open, whatever is sent."""
    for number in (ours, unknown_ids(ours)):
        assert nobody.request(method, filled(path, number), content=b"{").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/docs/../api/v1/data_sources",
        "/docs/%2e%2e/api/v1/data_sources",
        "/health/..%2fapi/v1/data_sources",
        "/health/live/../../api/v1/data_sources",
        "//api/v1/data_sources",
        "/api/v1/data_sources/",
        "/api/v1//data_sources",
        "/api/v1/data_sources?/docs",
        "/api/v1/data_sources#/docs",
        "/api/v1/data_sources/..;/docs",
        "/./api/v1/data_sources",
        "/%61pi/v1/data_sources",
        "http://127.0.0.1/docs/../api/v1/data_sources",
        "/docs\\..\\api/v1/data_sources",
    ],
)
def test_no_path_leads_around_the_key(service: Service, ours: dict[str, int | str], path: str) -> None:
    """Sent as it is, which no polite client would."""
    assert ours
    place = urlsplit(service.api)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    connection.putrequest("GET", path, skip_host=False)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status in (400, 401, 404, 405), text
    assert "Nobody else" not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Key"},
        {"Authorization": "Key null"},
        {"Authorization": "Key " + "x" * 30_000},
        {"Authorization": "Key sck_\xff\xfe"},
        {"Authorization": f"Key {KEY}\t{KEY}"},
        {"Authorization": f"Key {KEY},{KEY}"},
        {"Authorization": f"Key Key {KEY}"},
        {"Authorization": "Key ' OR 1=1 --"},
        {"X-Authorization": f"Key {KEY}"},
        {"Proxy-Authorization": f"Key {KEY}"},
        {"Cookie": f"Authorization=Key {KEY}"},
        {"X-Forwarded-For": "127.0.0.1", "X-Original-URL": "/health/live"},
    ],
)
def test_no_header_does_without_a_key(nobody: httpx.Client, headers: dict[str, str]) -> None:
    """401, and no 5xx."""
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    assert nobody.get(SOURCES, headers=raw).status_code == 401


def test_the_key_is_nowhere_in_the_catalogue(service: Service, admin: httpx.Client) -> None:
    """Only its hash is stored, of those that were given as of those that were made."""
    made = admin.post("/api/v1/api_keys", json={"name": unique("Hashed")}).json()["key"]
    with EmbeddedPostgres(Home(service.home)).conninfo("catalogue").connect() as session:
        rows = " ".join(row[0] for row in session.execute("SELECT k::text FROM api_keys AS k"))
    assert made[:4] in rows
    for key in (made, KEY):
        assert key not in rows
        assert key[4:] not in rows


def test_another_members_key_is_not_ours(service: Service, admin: httpx.Client, ours: dict[str, int | str]) -> None:
    """Also within one organization: a key is its user's."""
    user = service.command("user", "add", "colleague", "--organization", "1").split()[-1]
    key = service.command("key", "add", user).split()[-1]
    with service.client(key) as colleague:
        assert "Nobody else" not in colleague.get("/api/v1/api_keys").text
        assert colleague.delete(f"/api/v1/api_keys/{ours['key']}").status_code == 404
        assert colleague.get(f"{SOURCES}/{ours['source']}").status_code == 200
