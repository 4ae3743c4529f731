"""Secrets at rest, and kept out of texts (security)."""

import base64
import logging
import time
import traceback
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from datasources.databases.postgres.model import PgOptions
from datasources.model.errors import CheckError, SecretsError, SettingsError, SourcecheckError, SourceUnreachable
from datasources.model.results import StepResult
from datasources.model.settings import Settings
from datasources.model.vocabulary import Code, ErrorCode, Outcome
from datasources.secrecy.log_records import scrubbed_logs
from datasources.secrecy.scrubber import DROPPED, Scrubber
from datasources.secrecy.vault import Vault
from flows.guard import guard_secrets
from tasks.sanitize import MESSAGE_LIMIT, TEXT_LIMIT, clean
from tests.disguises import disguises

CANARIES = [
    "c4n'a\"ry@:/%& pä\\ss\nwörd-日本😀",
    "line\nbreak-secret",
    "prefix",
    "prefix-and-more",
    "aä+/=&<>?",
    "with spaces  in it",
    "{$HOME}`id`;--",
]


CANARY = "canary"


@pytest.mark.parametrize("secret", CANARIES)
def test_every_form_is_scrubbed(secret: str) -> None:
    """Whoever quoted, escaped or encoded it; nothing of it is left, and nothing else goes."""
    scrubber = Scrubber(CANARIES)
    wrong = {
        name: scrubber.text(f"failed for <{form}> there")
        for name, form in disguises(secret).items()
        if scrubber.text(f"failed for <{form}> there") != "failed for <***> there"
    }
    assert wrong == {}


@pytest.mark.parametrize("secret", CANARIES)
def test_a_quick_look_misses_no_form(secret: str) -> None:
    """Whatever `text` would change is suspected, whatever stands around it; innocent texts are not."""
    scrubber = Scrubber([secret])
    forms = [form for form in disguises(secret).values() if scrubber.text(f"a {form} z") != f"a {form} z"]
    assert len(forms) > 10
    odd = [secret.replace("i", "\u0131"), secret.replace("s", "\u017f"), secret.upper(), secret.title()]
    forms += [form for form in odd if scrubber.text(form) != form]
    assert [
        form for form in forms if not scrubber.suspects(f"a {form} z") or not scrubber.suspects(f"ä {form} z")
    ] == []
    assert not Scrubber(["prefix-and-more"]).suspects(
        "CREATE VIEW shop.totals AS\n\tSELECT sum(total) FROM shop.orders"
    )
    assert not Scrubber([]).suspects(secret)


SHORT = [
    ("a", 'password "a" is wrong for a database', 'password "***" is wrong for *** database'),
    ("a", "postgresql://me:a@alpha.example/data", "postgresql://me:***@alpha.example/data"),
    ("a", "password=a, sslmode=allow", "password=***, sslmode=allow"),
    ("a", '{"password":"A"}', '{"password":"***"}'),
    ("a", "/a?x=%22a%22&y=a", "/***?x=%22***%22&y=***"),
    (
        "a",
        r"it said \"a\" and\na\tand \x22a\x22 \u0022a\u0022",
        r"it said \"***\" and\n***\tand \x22***\x22 \u0022***\u0022",
    ),
    ("a", "a", "***"),
    ("a", "Authorization: YQ== (61)", "Authorization: *** (***)"),
    ("a", "port 5461, table_a, a_table, naïveaé", "port 5461, table_a, a_table, naïveaé"),
    ("in", "Invalid login in 'main'; PIN in: IN", "Invalid login *** 'main'; PIN ***: ***"),
    ("12", "12 of 1234 at 5.12 ms, x12", "*** of 1234 at 5.*** ms, x12"),
    ("-", "host-name is '-', x-y", "host-name is '***', x-y"),
    ("ä", "für ä und Äpfel, %C3%A4", "für *** und Äpfel, ***"),
    ("日", "日本 and 日", "日本 and ***"),
    ("abc", "abcd and xabc", "***d and x***"),
]
"""A secret, a text, and what is left of it."""


@pytest.mark.parametrize(("secret", "text", "left"), SHORT, ids=range(len(SHORT)))
def test_a_short_secret_is_masked_where_it_stands_by_itself(secret: str, text: str, left: str) -> None:
    """As a whole value or word, however it is quoted; within a word it is innocent. Longer ones are masked anywhere."""
    scrubber = Scrubber([secret])
    assert scrubber.text(text) == left
    assert scrubber.suspects(text) or text == left


def test_short_secrets_beside_long_ones() -> None:
    """Each by its own rule, the longest first."""
    assert Scrubber(["a", "alpha-and", "in"]).text("alpha-andin a") == "***in ***"


@pytest.mark.parametrize("before", ["", "u:", "us:", "use:"])
@pytest.mark.parametrize("secret", [canary for canary in CANARIES if len(canary) > 8])
def test_base64_of_something_longer_is_scrubbed(secret: str, before: str) -> None:
    """Wherever in it the secret begins, for example in `Authorization: Basic …`."""
    encoded = base64.b64encode(f"{before}{secret}, etc.".encode()).decode()
    head, mask, tail = Scrubber([secret]).text(encoded).partition("***")
    assert mask
    blank = "A" * (len(encoded) - len(head) - len(tail))
    left = base64.b64decode(head + blank + tail)
    assert secret.encode()[1:4] not in left
    assert secret.encode()[-4:-1] not in left
    assert left.endswith(b", etc.")


def test_a_name_that_postgresql_has_cut_is_scrubbed() -> None:
    """It quotes the first 63 bytes of a name that is too long."""
    secret = "longer-than-a-name-may-be-" * 4
    assert Scrubber([secret]).text(f'role "{secret[:63]}" does not exist') == 'role "***" does not exist'


def test_each_line_of_a_private_key_is_scrubbed() -> None:
    """An error may quote one line of it."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    scrubber = Scrubber([pem.decode()])
    for line in pem.decode().splitlines():
        assert scrubber.text(f"unexpected {line!r}") == "unexpected '***'"


def test_scrubbing_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be scrubbed is dropped, whole, and nothing is raised."""
    scrubber = Scrubber(["canary"])
    endless: list[Any] = ["canary"]
    endless.append(endless)
    assert scrubber.data(endless) == DROPPED
    assert scrubber.text(5) == DROPPED  # type: ignore[arg-type]

    class Broken:
        def sub(self, *_: object) -> str:
            raise MemoryError

    monkeypatch.setattr(scrubber, "_pattern", Broken())
    assert scrubber.text("a canary") == DROPPED
    assert scrubber.data({"a": ["a canary"]}) == {"a": [DROPPED]}


def test_plain_data_is_scrubbed() -> None:
    """Nested values, and keys where they are a server's; ours stay, and so do the words that questions are made of."""
    scrubber = Scrubber(["canary", "secret", "host", "ssh"])
    assert scrubber.data({"a": ["x canary"], "secret_missing": True}) == {"a": ["x ***"], "secret_missing": True}
    assert scrubber.data({"schemas": {"canary": 1, "CANARY": 2}}) == {"schemas": {"***": 3}}
    asked = {"stage": "ssh", "host": "canary.example", "missing": ["secret"]}
    assert scrubber.data(asked) == asked


def test_our_own_words_stay() -> None:
    """A password that is one of them breaks nothing: only what others have written is scrubbed."""
    result = StepResult(
        code=Code.OK, message="OK, success", outcome=Outcome.success, remediation="success", details={"success": "OK"}
    )
    cleaned = clean(result, Scrubber(["OK", "success", "message", "details"]))
    assert (cleaned.code, cleaned.outcome, cleaned.remediation) == (Code.OK, Outcome.success, "success")
    assert (cleaned.message, cleaned.details) == ("***, ***", {"success": "***"})


def test_texts_are_cut_after_they_are_scrubbed() -> None:
    """A secret across the place of the cut is not cut in half; megabytes are not kept."""
    text = "x" * (MESSAGE_LIMIT - 3) + "canary" + "x" * 100_000
    details = {"value": "x" * (TEXT_LIMIT - 3) + "canary" + "x" * 100_000}
    result = StepResult(code=Code.ERROR, message=text, outcome=Outcome.failed, details=details)
    cleaned = clean(result, Scrubber(["canary"]))
    assert (len(cleaned.message), len(cleaned.details["value"])) == (MESSAGE_LIMIT, TEXT_LIMIT)
    assert "can" not in str(cleaned)


def test_details_that_cannot_be_scrubbed_are_dropped() -> None:
    """And the step still has its verdict."""
    endless: dict[str, Any] = {"secret": "canary"}
    endless["more"] = endless
    result = StepResult(code=Code.OK, message="fine", outcome=Outcome.success, details=endless)
    assert clean(result, Scrubber(["canary"])).details == {"dropped": DROPPED}


def test_logs_are_scrubbed(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever logs, with its arguments and its traceback, and what cannot be formatted is dropped."""
    with scrubbed_logs(Scrubber(["canary"])):
        logging.getLogger("some.library").warning("with %s and %r", "a canary", {"password": "canary"})
        try:
            raise ValueError("the canary sings")
        except ValueError:
            logging.getLogger("another").exception("it failed")
        logging.getLogger("broken").error("canary %d", "no number, and the canary")
    assert "canary" not in caplog.text
    assert "with a *** and {'password': '***'}" in caplog.text
    assert "ValueError: the *** sings" in caplog.text
    assert DROPPED in caplog.text
    assert all("canary" not in str(vars(record)) for record in caplog.records)
    logging.getLogger("some.library").warning("afterwards as before, %s", "canary")
    assert "afterwards as before, canary" in caplog.text


def test_errors_of_a_flow_are_scrubbed(caplog: pytest.LogCaptureFixture) -> None:
    """What Prefect would write down and log has neither the secret nor a cause that tells it."""
    logger = logging.getLogger("flow")
    with pytest.raises(SourcecheckError) as broken, guard_secrets(Scrubber([CANARY]), logger):
        raise RuntimeError("invalid: " + CANARY) from ValueError(CANARY)
    with pytest.raises(SourceUnreachable) as said, guard_secrets(Scrubber([CANARY]), logger):
        raise SourceUnreachable(ErrorCode.TIMEOUT, "no " + CANARY, {"stage": "ssh", "who": CANARY})
    assert CANARY not in caplog.text
    assert "RuntimeError: invalid: ***" in caplog.text
    assert str(broken.value) == "RuntimeError: invalid: ***"
    assert (said.value.code, said.value.message) == (ErrorCode.TIMEOUT, "no ***")
    assert said.value.details == {"stage": "ssh", "who": "***"}
    for error in (broken.value, said.value):
        assert CANARY not in "".join(traceback.format_exception(error))


def test_vault_reads_with_old_keys_and_writes_with_the_first() -> None:
    """Rotation: a new key in front reads what the old one wrote."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    token = Vault(old).seal({"password": "canary"})
    assert b"canary" not in token
    rotated = Vault(f"{new},{old}").rotate(token)
    assert Vault(new).open(rotated) == {"password": "canary"}
    with pytest.raises(SecretsError):
        Vault(new).open(token)


def test_no_key_is_refused() -> None:
    """Without a key there is no vault."""
    for keys in (None, "", "too-short"):
        with pytest.raises(SettingsError, match="SOURCECHECK_SECRET_KEYS"):
            Vault(keys)


def test_repr_masks() -> None:
    """A struct shows no secret."""
    options = PgOptions(host="h", user="u", dbname="d", password="canary")
    assert "canary" not in repr(options)
    assert "canary" not in str(Settings(database_url="postgresql://u:canary@h/d"))


def test_errors_survive_pickling() -> None:
    """They travel between processes."""
    import pickle

    error = pickle.loads(pickle.dumps(CheckError(ErrorCode.TIMEOUT, "late", {"stage": "tcp"})))
    assert (error.code, error.message, error.details) == (ErrorCode.TIMEOUT, "late", {"stage": "tcp"})


def test_settings_name_the_variable() -> None:
    """A malformed setting is told by its name."""
    with pytest.raises(SettingsError, match="SOURCECHECK_API_PORT"):
        Settings.load({"SOURCECHECK_API_PORT": "no"})


@pytest.mark.parametrize("piece", ["\\", "&", "&#", "%25", "\u200bs", "\n", "&amp;", "\\u0073"])
def test_hostile_texts_take_linear_time(piece: str) -> None:
    """Four times the text costs no more than a small multiple of the CPU time, with much room for a noisy machine."""
    scrubber = Scrubber(["s3cret-of-the-tests"])

    def spent(count: int) -> float:
        began = time.thread_time()
        scrubber.text(piece * count)
        return time.thread_time() - began

    spent(1000)
    assert spent(40_000) < 40 * max(spent(10_000), 0.005)


@pytest.mark.parametrize(
    ("secret", "message", "shown"),
    [
        ("database", "Connected to the database", "Connected to the database"),
        ("Lineage", "Lineage fetched", "Lineage fetched"),
        ("table", "Discovered 6 tables", "Discovered 6 tables"),
        ("changed", "Discovered 1 table (1 changed)", "Discovered 1 table (1 changed)"),
        ("gone", "Lineage fetched (2 new, 1 gone)", "Lineage fetched (2 new, 1 gone)"),
        ("gone", "Lineage fetched (gone)", "Lineage fetched (***)"),
        ("schema", 'Schema "a"."schema" is writeable', 'Schema "a"."***" is writeable'),
        ("table", 'Unable to create table "a"."t": no table for you', 'Unable to create table "a"."t": no *** for you'),
        ("password", "The server asks for a password", "The server asks for a password"),
        ("password", 'the password "password" is wrong', 'the *** "***" is wrong'),
        ("Connected to the database", "Connected to the database", "Connected to the database"),
        ("the database hunter2", "Connected to the database hunter2", "Connected to ***"),
        ("stage", "No answer within 3 s (stage: login)", "No answer within 3 s (stage: login)"),
    ],
)
def test_our_own_words_stay_where_we_said_them(secret: str, message: str, shown: str) -> None:
    """A secret may be one of them; what a server says is scrubbed all the same."""
    assert Scrubber([secret]).message(message) == shown
