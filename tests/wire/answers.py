"""Answers held against the published documents and what docs/contract.md settles, in Draft 2020-12.

`published.json` has one schema a name under `$defs`; more keys than published are welcome in an answer.
"""

import json
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "published.json").read_text())
NAMES = frozenset(DOCUMENT["$defs"])


def valid(answer: httpx.Response, name: str, status: int = 200) -> Any:
    """The decoded body of an answer that has this status, says that it is JSON, and keeps this schema."""
    assert answer.status_code == status, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    assert answer.headers["content-type"].partition(";")[0] == "application/json"
    body = answer.json()
    found = problems(body, name)
    assert found == [], f"{found[:3]}"
    return body


def problems(body: Any, name: str) -> list[str]:
    """Where plain data breaks a schema; empty when it keeps it."""
    validator = Draft202012Validator({**DOCUMENT, "$ref": f"#/$defs/{name}"})
    assert name in NAMES, f"no schema {name}"
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]
