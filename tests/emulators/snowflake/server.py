"""fakesnow as the connector 5 wants it: run by the Python that has fakesnow.

Snowflake's SQL is fakesnow's, over DuckDB. Ours are the logins, the role without rights in `locked`, the
statement that takes a minute, and an answer that asks the driver for a file.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import anyio
import jwt
import uvicorn
from fakesnow.server import app
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

PORT, PASSWORD, FOLDER = int(sys.argv[1]), sys.argv[2], sys.argv[3]
MORE = {"masterToken": "m", "validityInSeconds": 3600, "masterValidityInSeconds": 14400, "sessionId": 1}
AS = {
    # fakesnow knows this for an account or a schema, and has no references.
    "SHOW PRIMARY KEYS": "SHOW PRIMARY KEYS IN ACCOUNT",
    "SHOW IMPORTED KEYS": "SELECT NULL AS created_on, 'lake' AS pk_database_name, 'shop' AS pk_schema_name, 'customer' AS "
    "pk_table_name, 'id' AS pk_column_name, 'lake' AS fk_database_name, 'shop' AS fk_schema_name, 'orders' AS fk_table_name, "
    "'customer_id' AS fk_column_name, 1 AS key_sequence, 'NO ACTION' AS update_rule, 'NO ACTION' AS delete_rule, 'fk' AS fk_name",
    # It makes databases that are not there when they are named.
    'SHOW SCHEMAS IN DATABASE "nothing" LIMIT 1': "SELECT * FROM nothing_like_it",
}
SLOW = "/* slow */"
FILE = "/* file */"


def refusal(code: str, message: str, state: str = "") -> Response:
    body = {"success": False, "code": code, "message": message, "data": {"errorCode": code, "sqlState": state}}
    return JSONResponse(body)


def refused_login(data: dict[str, Any]) -> Response | None:
    """By a password, a token of OAuth, or one that is signed with the key whose public half lies in the folder."""
    kind, token = data.get("AUTHENTICATOR"), str(data.get("TOKEN"))
    if kind == "SNOWFLAKE_JWT":
        public = (Path(FOLDER) / "reader.pub").read_text()
        try:
            jwt.decode(token, public, algorithms=["RS256"], subject="TEST.READER")
        except jwt.InvalidTokenError:
            return refusal("390144", "JWT token is invalid.", "08001")
        return None
    if kind == "OAUTH":
        return (
            None if token == (Path(FOLDER) / "token").read_text() else refusal("390303", "Invalid OAuth access token.")
        )
    if (data.get("LOGIN_NAME"), data.get("PASSWORD")) not in (("reader", PASSWORD), ("admin", PASSWORD)):
        return refusal("390100", "Incorrect username or password was specified.", "08001")
    return None


class AsTheConnectorWantsIt:
    """Around fakesnow's application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        plain = gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body
        asked = json.loads(plain) if plain.startswith(b"{") else {}
        if again_as := AS.get(str(asked.get("sqlText", "")).strip()):
            body = gzip.compress(json.dumps(asked | {"sqlText": again_as}).encode())
            if request.headers.get("Content-Encoding") != "gzip":
                body = gzip.decompress(body)
        answer = await self.own(request.url.path, asked)
        if answer is not None:
            await answer(scope, receive, send)
            return
        sent = False

        async def again() -> Any:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        if not request.url.path.endswith("login-request"):
            await app(scope, again, send)
            return
        parts: list[Any] = []

        async def keep(message: Any) -> None:
            parts.append(message)

        await app(scope, again, keep)
        found = json.loads(b"".join(part.get("body", b"") for part in parts))
        if found.get("data"):
            found["data"] |= MORE
        await JSONResponse(found)(scope, receive, send)

    async def own(self, path: str, asked: dict[str, Any]) -> Response | None:
        """What fakesnow does not do."""
        data = asked.get("data") or {}
        if path.endswith("login-request"):
            return refused_login(data)
        sql = str(asked.get("sqlText", ""))
        if SLOW in sql:
            await anyio.sleep(60)
        if sql == "SELECT ?":
            return refusal("002049", "SQL compilation error: Bind variable ? not set.", "42601")
        if FILE in sql:
            upload = {
                "command": "UPLOAD", "src_locations": ["/etc/passwd"], "parallel": 1, "autoCompress": False,
                "overwrite": True, "sourceCompression": "none", "encryptionMaterial": [],
                "stageInfo": {"locationType": "LOCAL_FS", "location": FOLDER, "path": "", "region": "", "creds": {}},
            }  # fmt: skip
            return JSONResponse({"success": True, "data": upload | {"queryId": "1", "statementTypeId": 0}})
        if sql.startswith("CREATE TABLE") and '"locked"' in sql:
            return refusal("003001", "SQL access control error: Insufficient privileges", "42501")
        return None


if __name__ == "__main__":
    uvicorn.run(AsTheConnectorWantsIt(), host="127.0.0.1", port=PORT, log_level="warning")
