"""Examples of API keys and of gateways' host keys."""

from typing import Any

from api.openapi.examples.example import Example

ID = {"key_id": 3}
SUMMARY: dict[str, Any] = {
    "id": 3,
    "name": "nightly checks",
    "prefix": "sck_4f2a",
    "created_at": "2026-11-25T09:30:00Z",
    "last_used_at": None,
    "revoked_at": None,
    "on_question": "fail",
}
FINGERPRINT = "SHA256:Vq3mN7xTt1dZl0yW5uC8kQeRfHsGpJbXa2oLiMv4E9A"
HOST_KEY: dict[str, Any] = {
    "id": 3,
    "host": "gateway.example.com",
    "port": 22,
    "fingerprint": FINGERPRINT,
    "key_type": None,
    "origin": "registered",
    "job_id": None,
    "added_by_user_id": 1,
    "created_at": "2026-11-25T09:30:00Z",
    "revoked_at": None,
    "revoked_by_user_id": None,
}
PAGE = {"limit": 100, "offset": 0}

KEYS: dict[str, Example] = {
    "create_api_key": Example(
        body={"name": "nightly checks", "on_question": "fail"},
        status=201,
        answer={"id": 3, "name": "nightly checks", "key": "sck_4f2a… (shown this one time)"},
    ),
    "list_api_keys": Example(query=PAGE, answer=[SUMMARY]),
    "get_api_key": Example(path=ID, answer=SUMMARY),
    "revoke_api_key": Example(path=ID, status=204),
    "register_ssh_host_key": Example(
        body={"host": "gateway.example.com", "port": 22, "host_key": FINGERPRINT}, status=201, answer=HOST_KEY
    ),
    "list_ssh_host_keys": Example(query=PAGE, answer=[HOST_KEY]),
    "get_ssh_host_key": Example(path=ID, answer=HOST_KEY),
    "revoke_ssh_host_key": Example(path=ID, status=204),
}
