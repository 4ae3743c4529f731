"""Addresses of alerts, and the names that tell alerts apart."""

import pytest

from datasources.model.alerts import (
    Alert,
    AlertKind,
    AlertRefused,
    check_address,
    default_name,
    hosts_of,
    narrowed,
    receiver_of,
)

GOOD = [
    ("webhook", "https://example.org/hook"),
    ("webhook", "http://127.0.0.1:8080/"),
    ("slack", "https://hooks.slack.com/services/T/B/X"),
    ("mail", "mailtos://user:password@smtp.example.org?from=me@example.org&to=you@example.org"),
    ("mail", "mailto://127.0.0.1:25?to=you@example.org"),
]
BAD = [
    ("webhook", "example.org/hook", "of a webhook alert begins with http:// or https://"),
    ("webhook", "https://", "needs the name of a host"),
    ("webhook", "https://exa mple.org/", "needs the name of a host"),
    ("webhook", "https://example.org:port/", "not a URL"),
    ("webhook", "ftp://example.org/", "begins with http:// or https://"),
    ("slack", "http://hooks.slack.com/services/T/B/X", "of a Slack alert begins with https://"),
    ("mail", "you@example.org", "of a mail alert begins with mailto:// or mailtos://"),
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


NARROWED = [
    ("webhook", "https://public.example\\@127.0.0.1/", "https://public.example%5C@127.0.0.1/"),
    ("webhook", "https://example.org/hook?a=b&c", "https://example.org/hook?a=b&c"),
    ("webhook", "https://me:p%40ss@EXAMPLE.org:8443", "https://me:p%40ss@example.org:8443"),
    ("webhook", "https://[2001:db8::1]/x#fragment", "https://[2001:db8::1]/x"),
    ("slack", "https://hooks.slack.com/services/T/B/X", "https://hooks.slack.com/services/T/B/X"),
    ("mail", "mailtos://u:p@smtp.example?to=a@b.c&From=d@e.f", "mailtos://u:p@smtp.example?to=a%40b.c&from=d%40e.f"),
]
OPERATORS_ONLY = [
    ("slack", "https://hooks.slack.com.evil.example/services/T/B/X", "begins with https://hooks.slack.com/"),
    ("slack", "https://hooks.slack.com@evil.example/services/T/B/X", "begins with https://hooks.slack.com/"),
    ("slack", "https://hooks.slack.com/services/T/B/X?template=file:///etc/passwd", "nothing after it"),
    ("slack", "https://hooks.slack.com/services/T/B/X?template=http://169.254.169.254/", "nothing after it"),
    ("slack", "https://hooks.slack.com/services/T/B/X,json://127.0.0.1:4200/", "nothing after it"),
    ("slack", "https://hooks.slack.com/services/T/B/X%3Ftemplate=/etc/passwd", "nothing after it"),
    ("slack", "https://hooks.slack.com", "nothing after it"),
    ("mail", "mailtos://h.example?to=a@b.c&pgpkey=/etc/passwd", "cannot have 'pgpkey'"),
    ("mail", "mailtos://h.example?to=a@b.c&PGP=yes", "cannot have 'pgp'"),
    ("mail", "mailtos://h.example/other@b.c?to=a@b.c", "in \\?to=ADDRESS"),
    ("webhook", "https://a,b/", "valid host"),
    ("webhook", "https://example.org/\x00", "all of them visible"),
    ("webhook", "https://example.org/" + "x" * 5000, "at most 4096 characters"),
]


@pytest.mark.parametrize(("kind", "url", "anew"), NARROWED)
def test_what_an_organization_may_say_is_written_anew(kind: AlertKind, url: str, anew: str) -> None:
    """From its parts, so that whatever sends it reads the host that was looked at."""
    assert narrowed(kind, url) == anew
    assert narrowed(kind, anew) == anew


@pytest.mark.parametrize(("kind", "url", "words"), OPERATORS_ONLY, ids=range(len(OPERATORS_ONLY)))
def test_what_only_an_operator_may_say(kind: AlertKind, url: str, words: str) -> None:
    """Files of keys, other hosts, other recipients (security row 32)."""
    with pytest.raises(AlertRefused, match=words):
        narrowed(kind, url)


def test_every_host_is_looked_at_and_none_but_the_receiver_is_shown() -> None:
    """Of a mail, its server may stand in a parameter as well."""
    url = "mailtos://user:secret@mail.example:465?to=a@b.c&smtp=10.0.0.1"
    assert hosts_of(url) == [("mail.example", 465), ("10.0.0.1", 465)]
    assert receiver_of(url) == "a@b.c"
    assert hosts_of("https://example.org/secret") == [("example.org", 443)]
    assert receiver_of("https://example.org/secret") == "example.org"
    assert "secret" not in repr(Alert("team", "mail", url, None))
