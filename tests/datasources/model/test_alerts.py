"""Addresses of alerts, and the names that tell alerts apart."""

import pytest

from datasources.model.alerts import (
    AlertKind,
    AlertRefused,
    check_address,
    default_name,
)

GOOD = [
    ("webhook", "https://example.org/hook"),
    ("webhook", "http://127.0.0.1:8080/"),
    ("slack", "https://hooks.slack.com/services/T/B/X"),
    ("mail", "mailtos://user:password@smtp.example.org?from=me@example.org&to=you@example.org"),
    ("mail", "mailto://127.0.0.1:25?to=you@example.org"),
]
BAD = [
    ("webhook", "example.org/hook", "begins with http:// or https://"),
    ("webhook", "https://", "needs the name of a host"),
    ("webhook", "https://exa mple.org/", "needs the name of a host"),
    ("webhook", "https://example.org:port/", "not a URL"),
    ("webhook", "ftp://example.org/", "begins with http:// or https://"),
    ("slack", "http://hooks.slack.com/services/T/B/X", "begins with https://"),
    ("mail", "you@example.org", "begins with mailto:// or mailtos://"),
    ("mail", "mailtos://user:password@smtp.example.org", "names its recipient"),
]


@pytest.mark.parametrize(("kind", "url"), GOOD)
def test_an_address_that_can_be_one(kind: AlertKind, url: str) -> None:
    """It is taken."""
    check_address(kind, url)


@pytest.mark.parametrize(("kind", "url", "words"), BAD)
def test_an_address_that_is_none(kind: AlertKind, url: str, words: str) -> None:
    """It is refused with what is missing; a password in it is not repeated."""
    with pytest.raises(AlertRefused, match=words) as refused:
        check_address(kind, url)
    assert "user:password" not in str(refused.value)


def test_names_tell_alerts_apart() -> None:
    """By kind, receiver and source; the secret part of an address is not in them."""
    wanted = [
        ("webhook", "https://a.example/secret", None),
        ("webhook", "https://b.example/secret", None),
        ("slack", "https://a.example/secret", None),
        ("webhook", "https://a.example/secret", 7),
    ]
    names = [default_name(*each) for each in wanted]
    assert len(set(names)) == len(wanted)
    assert names[3] == "sourcecheck webhook to a.example for data source 7"
    assert "secret" not in "".join(names)
