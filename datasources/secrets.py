"""Secrets at rest, and secrets kept out of every text that leaves a worker."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from datasources.disguises import patterns
from datasources.errors import SecretsError, SettingsError
from datasources.settings import Settings

MASK = "***"
DROPPED = "[text dropped: it could not be scrubbed]"


class Vault:
    """Authenticated encryption with one or more Fernet keys; the first one writes, all of them read."""

    def __init__(self, keys: str | None) -> None:
        """Raises `SettingsError` when there is no key or one is malformed."""
        if not keys:
            raise SettingsError("SOURCECHECK_SECRET_KEYS: at least one key is needed to store secrets")
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
        except ValueError as error:
            raise SettingsError("SOURCECHECK_SECRET_KEYS: not a Fernet key (32 bytes, url-safe base64)") from error

    @classmethod
    def from_settings(cls, settings: Settings) -> "Vault":
        """The vault of this process."""
        return cls(settings.secret_keys)

    def seal(self, secrets: Any) -> bytes:
        """Encrypt plain data."""
        return self._fernet.encrypt(msgspec.json.encode(secrets))

    def open(self, token: bytes | None) -> Any:
        """Decrypt what `seal` made; an empty dict for None. Raises `SecretsError`."""
        if token is None:
            return {}
        try:
            return msgspec.json.decode(self._fernet.decrypt(token))
        except InvalidToken as error:
            raise SecretsError("a stored secret cannot be read with the keys given") from error

    def rotate(self, token: bytes) -> bytes:
        """The same secret, encrypted with the first key. Raises `SecretsError`."""
        try:
            return self._fernet.rotate(token)
        except InvalidToken as error:
            raise SecretsError("a stored secret cannot be read with the keys given") from error


class Scrubber:
    """Removes known secrets, in all the forms in which they travel, from texts and from plain data.

    It fails closed: what cannot be scrubbed is dropped.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form: text for secret in secrets if secret for form, text in patterns(secret).items()}
        # Longest first, for one secret may be the beginning of another.
        forms = sorted(found, key=lambda form: len(found[form]), reverse=True)
        self._pattern = re.compile("|".join(forms), re.IGNORECASE) if forms else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._pattern is None:
            return text
        try:
            return self._pattern.sub(MASK, text)
        except Exception:
            return DROPPED

    def data(self, value: Any) -> Any:
        """The same for plain data, keys included."""
        try:
            return self._data(value)
        except Exception:
            return DROPPED

    def _data(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self._data(key): self._data(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._data(item) for item in value]
        return value
