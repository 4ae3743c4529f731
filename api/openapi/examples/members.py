"""Examples of members and of alerts."""

from typing import Any

from api.openapi.examples.example import Example

ID = {"user_id": 2}
MEMBER: dict[str, Any] = {"id": 2, "name": "Ada", "email": None, "role": "member", "last_used_at": None}
INVITED: dict[str, Any] = {
    "user_id": 2,
    "name": "Ada",
    "email": None,
    "role": "member",
    "key_id": 5,
    "key": "sck_4f2a… (shown this one time)",
    "sign_in": "/sign-in/h1Jq… (works once, within the hour)",
}
ALERT_ID = {"alert": "0d9f1f2c-6f2e-4f0e-9d53-1f6f4a1f6a10"}
ALERT: dict[str, Any] = {
    "id": "0d9f1f2c-6f2e-4f0e-9d53-1f6f4a1f6a10",
    "name": "team",
    "kind": "webhook",
    "receiver": "hooks.example.org",
    "data_source_id": None,
    "paused": False,
}

MEMBERS: dict[str, Example] = {
    "invite_member": Example(body={"name": "Ada", "role": "member"}, status=201, answer=INVITED),
    "list_members": Example(answer=[MEMBER]),
    "change_member": Example(path=ID, body={"role": "admin"}, answer=MEMBER | {"role": "admin"}),
    "invite_member_again": Example(path=ID, body={"on_question": "fail"}, status=201, answer=INVITED),
    "remove_member": Example(path=ID, status=204),
    "create_alert": Example(
        body={"kind": "webhook", "url": "https://hooks.example.org/sources", "name": "team"}, status=201, answer=ALERT
    ),
    "list_alerts": Example(answer=[ALERT]),
    "get_alert": Example(path=ALERT_ID, answer=ALERT),
    "test_alert": Example(path=ALERT_ID, status=204),
    "change_alert": Example(path=ALERT_ID, body={"paused": True}, answer=ALERT | {"paused": True}),
    "delete_alert": Example(path=ALERT_ID, status=204),
}
