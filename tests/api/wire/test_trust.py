"""A stored secret is not sent to a server that is believed because of another secret (security row 7)."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from api.wire.changes import merged, replaced
from api.wire.errors import Invalid
from api.wire.registration import parse
from datasources.catalogue.sources import write_source
from datasources.catalogue.tables import DataSource
from datasources.secrecy.vault import Vault

WALLET, ANOTHER = (
    f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----" for body in ("MIIB", "MIIC")
)
VAULT = Vault(Fernet.generate_key().decode())
OPTIONS: dict[str, Any] = {
    "host": "db.example",
    "password": "the-secret",
    "ssl": True,
    "ewallet_pem_file": WALLET,
}


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({"ewallet_pem_file": ANOTHER}, ["password"]),
        ({"ewallet_pkcs12_file": "MIIB"}, ["password", "ewallet_pem_file"]),
        ({"ewallet_pem_file": ANOTHER, "password": "the-secret"}, []),
        ({"ewallet_pem_file": WALLET}, []),
        ({"ewallet_pem_file": None, "database": "SHOP"}, []),
        ({"ewallet_type": "pkcs12"}, ["password", "ewallet_pem_file"]),
    ],
)
def test_a_wallet_decides_which_server_is_believed(change: dict[str, Any], lost: list[str]) -> None:
    """Another one needs the password again, in a change as in a file."""
    row = DataSource(id=1, organization_id=1, name="", type="oracle")
    write_source(row, *parse({"name": "Shop", "type": "oracle", "options": OPTIONS}), VAULT)
    _, faults = merged(row, {"options": change}, VAULT)
    assert sorted(str(fault["loc"][-1]) for fault in faults) == sorted(lost)
    whole = {"host": "db.example", "ssl": True} | {name: value for name, value in change.items() if value is not None}
    wanted = {"name": "Shop", "type": "oracle", "options": whole}
    if not lost:
        replaced(row, wanted, VAULT)
        return
    with pytest.raises(Invalid) as caught:
        replaced(row, wanted, VAULT)
    assert caught.value.errors[0]["loc"][-1] in lost
