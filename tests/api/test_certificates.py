"""What is no certificate or key is refused when a source is saved, whatever its type, and the field is named."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from api.wire.changes import merged, replaced
from api.wire.errors import Invalid
from api.wire.registration import parse, stored_options
from datasources.catalogue.tables import DataSource
from datasources.secrecy.vault import Vault
from tests.fixtures.servers.database import authority_and_certificate

NETWORK = {"host": "db.example.com", "user": "u", "password": "swordfish"}
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("pg", NETWORK | {"dbname": "shop"}, "rootcert"),
    ("pg", NETWORK | {"dbname": "shop", "sslcert": authority_and_certificate()[0]}, "sslkey"),
    ("db2", NETWORK | {"dbname": "shop"}, "ssl_certificate"),
    ("sap_hana", NETWORK, "rootcert"),
    ("vertica", NETWORK | {"dbname": "shop"}, "rootcert"),
    ("teradata", NETWORK | {"database": "shop"}, "rootcert"),
    ("oracle", NETWORK, "ewallet_pem_file"),
    ("oracle", NETWORK, "ewallet_pkcs12_file"),
    ("snowflake", {"account": "a"}, "keyPairFile"),
]


@pytest.mark.parametrize(("word", "options", "field"), CASES, ids=[f"{word}-{field}" for word, _, field in CASES])
def test_what_is_no_certificate_is_refused(word: str, options: dict[str, Any], field: str) -> None:
    """A path, a word, a text that was cut; an empty field is none, and a reference is looked up by a worker."""
    given = {"name": "x", "type": word, "options": options}
    for text in ("/etc/ssl/root.pem", "system", "-----BEGIN CERTIFICATE-----\nMIIB"):
        with pytest.raises(Invalid) as caught:
            parse(given | {"options": options | {field: text}})
        assert [fault["loc"] for fault in caught.value.errors] == [["body", "options", field]]
        assert "This is no" in caught.value.sentence
    parse(given | {"options": options | {field: ""}})


OLD: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("pg", {"host": "h", "user": "u", "dbname": "d", "rootcert": "-----BEGIN TRUSTED CERTIFICATE-----"}, {}),
    ("snowflake", {"account": "a"}, {"keyPairFile": "/etc/key.p8"}),
]


@pytest.mark.parametrize(("word", "options", "secrets"), OLD, ids=["a certificate", "a key"])
def test_what_an_older_source_has_stays(word: str, options: dict[str, Any], secrets: dict[str, str]) -> None:
    """Another field changes, by either API or a file; a new text in its place has to be one."""
    vault = Vault(Fernet.generate_key().decode())
    row = DataSource(name="x", type=word, options=options, fields={}, secret=vault.seal({"options": secrets}))
    (field,) = {"rootcert", "keyPairFile"} & {*options, *secrets}
    whole, wrong = merged(row, {"tags": ["a"]}, vault)
    source, fields = parse(whole, wrong, stored_options(row, vault))
    assert (getattr(source.options, field), fields["tags"]) == ((options | secrets)[field], ["a"])
    source, _ = replaced(row, {"name": "x", "type": word, "options": options, "tags": ["b"]}, vault)
    assert getattr(source.options, field) == (options | secrets)[field]
    whole, wrong = merged(row, {"options": {field: "system"}}, vault)
    with pytest.raises(Invalid, match="This is no"):
        parse(whole, wrong, stored_options(row, vault))


def test_what_is_one_is_kept_as_it_is() -> None:
    """Several certificates, with a comment; a reference to a key."""
    bundle = f"# ours\n{authority_and_certificate()[0]}\n{authority_and_certificate()[0]}"
    source, _ = parse({"name": "x", "type": "db2", "options": NETWORK | {"dbname": "shop", "ssl_certificate": bundle}})
    assert source.options.public()["ssl_certificate"] == bundle
    reference = {"account": "a", "keyPairFile": "env:SOURCE_KEY"}
    source, _ = parse({"name": "x", "type": "snowflake", "options": reference})
    assert source.secret_references == {"options.keyPairFile": "env:SOURCE_KEY"}
