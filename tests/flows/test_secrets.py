"""Which secrets a run keeps out of what it writes, and what of a failure survives that."""

import logging
from typing import Any

import pytest

from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.questions import worth_asking
from datasources.model.source import SshTunnel
from datasources.model.vocabulary import ErrorCode
from datasources.secrecy.scrubber import Scrubber
from flows.check_source import secrets_of
from flows.guard import guard_secrets


def source(password: str, **changes: Any) -> PgSource:
    """A source behind a gateway."""
    options = {"host": "db.example", "user": "shopper", "dbname": "shop", "password": password}
    tunnel = SshTunnel(host="gateway.example", username="jump", password="deep-secret")
    return PgSource(name="shop", options=PgOptions(**options), ssh_tunnel=tunnel, **changes)


@pytest.mark.parametrize("password", ["shopper", "shop", "db.example", "jump", "scratch"])
def test_what_is_given_as_no_secret_stays_legible(password: str) -> None:
    """A password that is a name of the same source hides nothing; the gateway's is still one."""
    assert secrets_of(source(password, temp_schema="shop.scratch")) == ["deep-secret"]


@pytest.mark.parametrize("password", ["Shopper", "hop", "secret"])
def test_every_other_secret_is_kept(password: str) -> None:
    """Also one that is part of a name, or differs in case."""
    assert secrets_of(source(password)) == [password, "deep-secret"]


@pytest.mark.parametrize("word", ["secret", "missing", "stage", "ssh", "host", "port", "verify", "fingerprint", "key"])
def test_a_question_is_not_lost_by_a_secret(word: str) -> None:
    """A secret that is one of our own words changes neither whether nor what is asked."""
    details = {"secret_missing": True, "missing": ["password"], "stage": "ssh"}
    error = SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, f"said {word}", details, "Do this.")
    with pytest.raises(CheckError) as caught, guard_secrets(Scrubber([word]), logging.getLogger("test")):
        raise error
    assert worth_asking(caught.value)
    assert (caught.value.details, caught.value.advice) == (details, "Do this.")
    assert caught.value.message == "said ***"
