"""Secrets at rest, and kept out of texts (security)."""

import base64
from urllib.parse import quote

import msgspec
import pytest
from cryptography.fernet import Fernet

from datasources.databases.postgres.model import PgOptions
from datasources.errors import CheckError, SecretsError, SettingsError
from datasources.secrets import Scrubber, Vault
from datasources.settings import Settings
from datasources.words import ErrorCode

CANARIES = ["p'a\"ss@:/%", "line\nbreak-secret", "pässwörd-日本", "prefix", "prefix-and-more"]


@pytest.mark.parametrize("secret", CANARIES)
def test_every_form_is_scrubbed(secret: str) -> None:
    """Raw, URL-encoded, base64, repr and JSON forms go."""
    scrubber = Scrubber(CANARIES)
    for form in (
        secret,
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode(),
        repr(secret),
        msgspec.json.encode(secret).decode(),
    ):
        clean = scrubber.text(f"failed for <{form}> there")
        assert form.strip("'\"") not in clean
        assert "and-more" not in clean


def test_plain_data_is_scrubbed_keys_included() -> None:
    """Nested values and keys."""
    assert Scrubber(["canary"]).data({"a": ["x canary"], "canary": 1}) == {"a": ["x ***"], "***": 1}


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
