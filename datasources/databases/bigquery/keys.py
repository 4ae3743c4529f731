"""Google's key files: a service account's own key, and nothing that names an address, a file or a program."""

import base64
import time

import msgspec
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

TOKEN_URIS = ("", "https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token")
"""Google's own; no token is asked for there: the key signs what it is shown with."""
UNIVERSE = "googleapis.com"
SECONDS = 3600


class ServiceAccount(Struct, frozen=True):
    """What is used of a key file; all other fields are left out of account."""

    type: str
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = ""
    universe_domain: str = UNIVERSE

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client_email!r})"

    def signed(self, audience: str, now: float | None = None) -> str:
        """A token that this account signs itself, for one API (Google, "Service account authorization without OAuth").

        Raises `ValueError` for a key that is none.
        """
        began = int(time.time() if now is None else now) - 10
        head = {"alg": "RS256", "typ": "JWT", "kid": self.private_key_id}
        claims = {
            "iss": self.client_email,
            "sub": self.client_email,
            "aud": audience,
            "iat": began,
            "exp": began + SECONDS,
        }
        text = b".".join(_encoded(msgspec.json.encode(part)) for part in (head, claims))
        key = load_pem_private_key(self.private_key.encode(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("no RSA key")
        return (text + b"." + _encoded(key.sign(text, padding.PKCS1v15(), SHA256()))).decode()


def service_account(text: str) -> ServiceAccount:
    """The key in this file. Raises `ValueError` with a sentence that holds none of its values."""
    try:
        found = msgspec.json.decode(text, type=ServiceAccount)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError("`jsonKeyFile` is not a Google key file in JSON") from error
    if found.type != "service_account":
        raise ValueError(
            "`jsonKeyFile` has to be the key of a service account: other kinds name addresses, files or programs"
        )
    if found.token_uri not in TOKEN_URIS or found.universe_domain != UNIVERSE:
        raise ValueError("`jsonKeyFile` names a token address or a universe that is not Google's own")
    if not found.client_email or not found.private_key:
        raise ValueError("`jsonKeyFile` has no client_email, or no private_key")
    return found


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
