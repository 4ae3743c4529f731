"""Which key files are taken, and what they are used for."""

import json

import pytest

from datasources.databases.bigquery.keys import service_account
from datasources.databases.bigquery.model import BigqueryOptions

GOOD = {"type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "private_key": "s3cret-pem"}
OTHERS = [
    {"type": "external_account", "credential_source": {"executable": {"command": "/bin/sh -c id"}}},
    {"type": "external_account", "credential_source": {"file": "/etc/passwd"}},
    {"type": "external_account_authorized_user", "token_url": "http://169.254.169.254/"},
    {"type": "impersonated_service_account", "service_account_impersonation_url": "http://127.0.0.1/"},
    {"type": "authorized_user", "refresh_token": "s3cret-pem"},
    {"type": "gdch_service_account"},
    GOOD | {"token_uri": "http://169.254.169.254/computeMetadata/v1/"},
    GOOD | {"token_uri": "https://oauth2.googleapis.com.evil.example/token"},
    GOOD | {"universe_domain": "evil.example"},
    GOOD | {"private_key": ""},
    {},
]


def test_a_service_accounts_key() -> None:
    """It is taken, and its repr shows no key."""
    found = service_account(json.dumps(GOOD | {"token_uri": "https://oauth2.googleapis.com/token"}))
    assert found.client_email == GOOD["client_email"]
    assert "s3cret-pem" not in repr(found)


@pytest.mark.parametrize("content", OTHERS)
def test_files_that_name_more(content: dict[str, object]) -> None:
    """Addresses, files and programs: they are refused where the source is registered, and nothing of them is repeated."""
    with pytest.raises(ValueError, match="jsonKeyFile") as caught:
        BigqueryOptions(projectId="lake", jsonKeyFile=json.dumps(content))
    for secret in ("s3cret-pem", "169.254", "/bin/sh", "evil"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("text", ["no json", "[]", '"x"', "{", "\ud800"])
def test_what_is_no_key_file(text: str) -> None:
    """It is refused the same way."""
    with pytest.raises(ValueError, match="jsonKeyFile"):
        BigqueryOptions(projectId="lake", jsonKeyFile=text)


def test_extra_projects() -> None:
    """One a line; a text that is none is refused."""
    assert BigqueryOptions(projectId="a", extraProjectsToIndex=" b \n\nc\na").projects == ["a", "b", "c"]
    with pytest.raises(ValueError, match="matching"):
        BigqueryOptions(projectId="a", extraProjectsToIndex="b`; DROP TABLE c")
