"""The examples of the OpenAPI document work: each is sent to a running service, and answered as it says."""

import time
from http.server import ThreadingHTTPServer
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from api.openapi.examples import EXAMPLES, Example
from api.openapi.examples.example import NOTHING
from tests.acceptance.kit import ended, options, unique
from tests.fixtures.acceptance import Organization
from tests.fixtures.servers.database import PASSWORD, Server
from tests.fixtures.service import Service

ASK = "test_data_source_api_v1_data_sources__data_source_id__test_post"
WRITES = {"test_query": "CREATE TEMPORARY TABLE example AS SELECT 1", "on_question": "ask"}
SLOW = {"test_query": "SELECT pg_sleep(60)"}
FREE = frozenset({"details", "steps", "problems", "properties", "metadata"})
"""Objects whose keys depend on what was found."""


class Story:
    """Sends the examples one after the other, each about what those before it have made."""

    def __init__(self, client: httpx.Client, server: Server, receiver: str) -> None:
        self.client = client
        self.options = options(server)
        self.receiver = receiver
        self.document: dict[str, Any] = client.get("/docs/openapi.json").json()
        self.ids: dict[str, Any] = {}
        self.operations = {
            operation["operationId"]: (path, method)
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
        }

    def tell(self, name: str, example: Example) -> None:
        """Send one example; hold the answer against it and against the document's schema."""
        getattr(self, f"before_{name}", lambda: None)()
        path, method = self.operations[name]
        body = None if example.body is NOTHING else self.ours(example.body)
        answer = self.client.request(
            method,
            path.format(**{n: self.ids.get(n, v) for n, v in example.path.items()}),
            params=example.query,
            json=body,
        )
        assert answer.status_code == example.status, (name, answer.text)
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return
        found = answer.json()
        operation = self.document["paths"][path][method]
        content = operation["responses"][str(example.status)]["content"]["application/json"]
        assert self.problems(found, content["schema"]) == [], name
        assert self.problems(content["example"], content["schema"]) == [], f"{name}, the example itself"
        assert unlike(content["example"], found, name) == []
        self.remember(name, found)

    def problems(self, value: Any, schema: dict[str, Any]) -> list[str]:
        """Where it breaks the document's schema."""
        validator = Draft202012Validator(schema | {"components": self.document["components"]})
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def ours(self, body: Any) -> Any:
        """The example's body about the database of the tests, with its password."""
        if "options" in body:
            return body | {"options": self.options}
        if "url" in body:
            return body | {"url": self.receiver}
        return body | {"password": PASSWORD} if "password" in body else body

    def remember(self, name: str, found: Any) -> None:
        """The ids and the token of what was made."""
        if name == "create_data_source_api_v1_data_sources_post":
            self.ids |= {"source_id": found["id"], "data_source_id": found["id"]}
        elif name == "create_data_source":
            self.ids["source_id"] = found["data"]["id"]
        elif name == "create_data_source_badge_token":
            self.ids["token"] = found["data"]["token"]
        elif name == ASK:
            self.ids["job_id"] = found["job_id"]
        elif name in ("create_api_key", "register_ssh_host_key"):
            self.ids["key_id"] = found["id"]
        elif name == "invite_member":
            self.ids["user_id"] = found["user_id"]
        elif name == "create_alert":
            self.ids["alert"] = found["id"]

    def start(self, body: dict[str, Any], until: str) -> None:
        """A test that asks or runs, for the next example."""
        source = f"/api/v1/data_sources/{self.ids['source_id']}"
        self.ids["job_id"] = self.client.post(f"{source}/test", json=body).json()["job_id"]
        limit = time.monotonic() + 60
        while self.client.get(f"/api/v1/data_sources/test/{self.ids['job_id']}").json()["status"] != until:
            assert time.monotonic() < limit
            time.sleep(0.1)

    def before_confirm_data_source_test(self) -> None:
        """A test asks whether to try its query."""
        self.start(WRITES, "needs_confirmation")

    def before_authenticate_data_source_test(self) -> None:
        """A test asks for the password that was forgotten."""
        ended(self.client, self.ids["job_id"])
        self.client.delete(f"/api/v1/data_sources/{self.ids['source_id']}/secret")
        self.start({"on_question": "ask"}, "needs_authentication")

    def before_cancel_data_source_test(self) -> None:
        """A test runs for long."""
        ended(self.client, self.ids["job_id"])
        self.start(SLOW, "processing")


def test_every_example_works(service: Service, embedded: Server, receiver: ThreadingHTTPServer) -> None:
    """In the order of the table, as an administrator of an organization that has nothing yet."""
    key = Organization(service, unique("Examples"), "admin").key
    address = f"http://127.0.0.1:{receiver.server_address[1]}/sources"
    with httpx.Client(base_url=service.api, headers={"Authorization": f"Bearer {key}"}, timeout=90) as client:
        story = Story(client, embedded, address)
        assert set(story.operations) == set(EXAMPLES), "every operation has an example, and no other"
        for name, example in EXAMPLES.items():
            story.tell(name, example)


def unlike(example: Any, found: Any, place: str) -> list[str]:
    """Where an example has keys that the real answer does not have, or another kind of value than the real answer."""
    if isinstance(example, dict) and isinstance(found, dict):
        if place.rsplit(".", 1)[-1] in FREE:
            return []
        keys = [f"{place}.{key} is no key of the answer" for key in example.keys() - found.keys()]
        return keys + [
            p for key in example.keys() & found.keys() for p in unlike(example[key], found[key], f"{place}.{key}")
        ]
    if isinstance(example, list) and isinstance(found, list):
        return unlike(example[0], found[0], place) if example and found else []
    same = example is None or found is None or isinstance(found, type(example)) or isinstance(example, type(found))
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (example, found))
    return [] if same or numbers else [f"{place}: {example!r} is unlike {found!r}"]
