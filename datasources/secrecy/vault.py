"""Secrets at rest: encrypted with keys that the settings give."""

from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from datasources.model.errors import SecretsError, SettingsError
from datasources.model.settings import Settings


class Vault:
    """Authenticated encryption with one or more Fernet keys; the first one writes, all of them read."""

    def __init__(self, keys: str | None) -> None:
        """Raises `SettingsError` when there is no key or one is malformed."""
        if not keys:
            raise SettingsError("SOURCECHECK_SECRET_KEYS: at least one Fernet key is needed to store secrets")
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
        except ValueError as error:
            raise SettingsError("SOURCECHECK_SECRET_KEYS: not a Fernet key (32 bytes, url-safe base64)") from error

    @classmethod
    def from_settings(cls, settings: Settings) -> "Vault":
        """The vault of this process. Raises `SettingsError` when there is no key or one is malformed."""
        if not settings.secret_keys:
            raise SettingsError(
                f"SOURCECHECK_SECRET_KEYS is not set, and {settings.home_path} (SOURCECHECK_HOME) holds no local stack"
            )
        return cls(settings.secret_keys)

    def seal(self, secrets: Any) -> bytes:
        """Encrypt plain data."""
        return self._fernet.encrypt(msgspec.json.encode(secrets))

    def open(self, token: bytes | None) -> Any:
        """Decrypt what `seal` returned; an empty dict for None. Raises `SecretsError`."""
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
