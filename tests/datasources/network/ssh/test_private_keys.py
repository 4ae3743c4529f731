"""Private keys as people paste them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, x25519
from cryptography.hazmat.primitives.serialization import PrivateFormat

from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode
from datasources.network.ssh.private_keys import load_private_key
from tests.fixtures.servers.ssh import KEYS, fingerprint, private_text, public_line

FORMATS = {
    "openssh": PrivateFormat.OpenSSH,
    "pkcs8": PrivateFormat.PKCS8,
    "traditional": PrivateFormat.TraditionalOpenSSL,
}
FORMS = [
    (name, form)
    for name in KEYS
    for form in FORMATS
    if (name, form) != ("ed25519", "traditional")  # there is no such format
]
PASSPHRASE = "words: with ünïcödé / and %"


def refusal(text: str, passphrase: str | None = None) -> SourceUnreachable:
    with pytest.raises(SourceUnreachable) as raised:
        load_private_key(text, passphrase)
    assert raised.value.code is ErrorCode.SSH_AUTHENTICATION_FAILED
    assert passphrase is None or passphrase not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
@pytest.mark.parametrize(("name", "form"), FORMS)
def test_every_type_in_every_format(name: str, form: str, passphrase: str | None) -> None:
    """Ed25519, ECDSA and RSA in OpenSSH's format, PKCS#8 and PKCS#1 or SEC1, with and without passphrase."""
    key = load_private_key(private_text(KEYS[name], FORMATS[form], passphrase), passphrase)
    assert key.fingerprint == fingerprint(KEYS[name])
    assert key.can_sign()


@pytest.mark.parametrize("form", FORMATS)
def test_a_wrong_passphrase_is_told(form: str) -> None:
    """A wrong passphrase is its own message, and nothing is missing."""
    error = refusal(private_text(KEYS["rsa"], FORMATS[form], PASSPHRASE), "another")
    assert "passphrase is wrong" in error.message
    assert "secret_missing" not in error.details


@pytest.mark.parametrize("form", FORMATS)
def test_a_missing_passphrase_is_asked_for(form: str) -> None:
    """An encrypted key without a passphrase says what is missing."""
    error = refusal(private_text(KEYS["rsa"], FORMATS[form], PASSPHRASE))
    assert "encrypted" in error.message
    assert error.details["secret_missing"] is True


def test_a_passphrase_too_many_is_no_fault() -> None:
    """A passphrase for a key that has none is not looked at."""
    assert load_private_key(private_text(KEYS["ed25519"]), "surplus").can_sign()


@pytest.mark.parametrize(
    "mangle", ["crlf", "indented", "escaped", "escaped crlf", "one line", "nothing between", "surrounded"]
)
def test_what_pasting_does_to_a_key(mangle: str) -> None:
    """Windows line ends, indentation, escaped or lost newlines and text around the key do not matter."""
    text = private_text(KEYS["ecdsa-256"])
    mangled = {
        "crlf": text.replace("\n", "\r\n"),
        "indented": "".join(f"    {line}\n" for line in text.splitlines()),
        "escaped": text.replace("\n", "\\n"),
        "escaped crlf": text.replace("\n", "\\r\\n"),
        "one line": text.replace("\n", " "),
        "nothing between": text.replace("\n", ""),
        "surrounded": f"Bag Attributes\n    friendlyName: x\n{text}\nmore\n",
    }
    assert load_private_key(mangled[mangle], None).fingerprint == fingerprint(KEYS["ecdsa-256"])


def test_parameters_before_the_key(tmp_path: Path) -> None:
    """`openssl ecparam -genkey` writes the curve's name before the key."""
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "EC PARAMETERS" in text
    assert load_private_key(text, None).can_sign()


UNUSABLE: dict[str, tuple[str, str]] = {
    "nothing": ("", "malformed"),
    "words": ("correct horse battery staple", "malformed"),
    "cut off": (private_text(KEYS["ed25519"])[:100] + "\n-----END OPENSSH PRIVATE KEY-----\n", "malformed"),
    "no end": (private_text(KEYS["ed25519"])[:100], "malformed"),
    "empty": ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "malformed"),
    "empty OpenSSH": ("-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", "malformed"),
    "empty PKCS#8": ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----\n", "malformed"),
    "not DER": ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "malformed"),
    "public line": (public_line(KEYS["rsa"]), "public key"),
    "public PEM": ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "public key"),
    "PuTTY": ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "PuTTY"),
    "X25519": (private_text(x25519.X25519PrivateKey.generate(), PrivateFormat.PKCS8), "unsupported type"),
    "DSA": (private_text(dsa.generate_private_key(1024), PrivateFormat.PKCS8), "unsupported type"),
    "odd curve": (private_text(ec.generate_private_key(ec.SECP256K1()), PrivateFormat.PKCS8), "not supported"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_key_is_told(name: str) -> None:
    """What is malformed, of another kind, or unsupported says which of these."""
    text, words = UNUSABLE[name]
    assert words in refusal(text, "words").message


@pytest.fixture(scope="module")
def costly(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Keys whose headers ask for minutes of work."""
    folder = tmp_path_factory.mktemp("costly")
    (folder / "plain").write_text(private_text(KEYS["rsa"], PrivateFormat.PKCS8))
    openssl: list[Any] = ["openssl", "pkcs8", "-topk8", "-in", folder / "plain", "-passout", "pass:words"]
    subprocess.run([*openssl, "-iter", "3000000", "-out", folder / "pbkdf2"], check=True)
    openssh = private_text(KEYS["ed25519"], PrivateFormat.OpenSSH, "words")
    return {"pkcs8": (folder / "pbkdf2").read_text(), "openssh": _with_rounds(openssh, 2**31)}


def _with_rounds(text: str, rounds: int) -> str:
    import base64

    data = base64.b64decode("".join(text.splitlines()[1:-1]))
    at = data.index(b"bcrypt") + 6 + 4 + 4 + 16
    data = data[:at] + rounds.to_bytes(4, "big") + data[at + 4 :]
    body = base64.b64encode(data).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.timeout(60, func_only=True)
@pytest.mark.parametrize("form", ["pkcs8", "openssh"])
def test_a_key_made_to_keep_us_busy_is_refused(form: str, costly: dict[str, str]) -> None:
    """Millions of iterations would stop the process: refused by the header, before any work."""
    assert "too long" in refusal(costly[form], "words").message


@pytest.mark.parametrize("options", [["-scrypt"], ["-v2", "aes-256-cbc", "-iter", "600000"], ["-v1", "PBE-SHA1-3DES"]])
def test_what_openssl_encrypts(options: list[str], tmp_path: Path) -> None:
    """Other key derivations of PKCS#8 work, or are called unsupported; none is mistaken for malformed."""
    plain = tmp_path / "plain"
    plain.write_text(private_text(KEYS["rsa"], PrivateFormat.PKCS8))
    command = ["openssl", "pkcs8", "-topk8", "-in", str(plain), "-passout", "pass:words", *options]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert load_private_key(text, "words").fingerprint == fingerprint(KEYS["rsa"])
