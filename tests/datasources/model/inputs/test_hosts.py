"""Hosts as people write and paste them."""

import msgspec
import pytest

from datasources.databases import AnySource
from datasources.model.inputs.hosts import host_name


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("db.example", "db.example"),
        (" db.example\n", "db.example"),
        ("DB.example.", "DB.example."),
        ("my_db-1", "my_db-1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("[fe80::1%eth0]", "fe80::1%eth0"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
    ],
)
def test_what_is_clear_is_taken(text: str, host: str) -> None:
    """Brackets of IPv6, blanks around it, and names that are not ASCII."""
    assert host_name(text) == host


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("127.0.0.1:25432", "write 127.0.0.1 in host and 25432 in port"),
        ("[::1]:5432", "write ::1 in host and 5432 in port"),
        ("db.example:5432", "write db.example in host and 5432 in port"),
        ("postgresql://me@db.example/shop", "whole address"),
        ("me@db.example", "write db.example in host"),
        ("a.example,b.example", "a source for each"),
        ("/var/run/postgresql", "is a path"),
        ("a b.example", "not a host name"),
        ("db.example\x00", "not a host name"),
        ("-db.example", "not a host name"),
        ("[10.0.0.1]", "write 10.0.0.1"),
        ("1::2::3", "not a valid IPv6 address"),
        (" ", "is blank"),
        ("a" * 254, "not a host name"),
        ("\u2024.example", "internationalized"),
    ],
)
def test_what_is_not_is_told_what_to_change(text: str, sentence: str) -> None:
    """One sentence, which begins with the field."""
    with pytest.raises(ValueError, match=sentence) as caught:
        host_name(text)
    assert str(caught.value).startswith("`host` ")


@pytest.mark.parametrize("where", ["options", "ssh_tunnel"])
def test_sources_and_gateways_are_read_so(where: str) -> None:
    """In the options of any server, and in the tunnel before it."""
    source = {"type": "pg", "name": "x", "options": {"host": "[::1]", "user": "u", "dbname": "d"}}
    source["ssh_tunnel"] = {"host": " gateway.example ", "username": "me"}
    typed = msgspec.convert(source, AnySource)
    assert (typed.options.host, typed.ssh_tunnel.host) == ("::1", "gateway.example")  # type: ignore[union-attr]
    source[where]["host"] = "db.example:22"  # type: ignore[index]
    with pytest.raises(msgspec.ValidationError, match=rf"^`host` has a port in it.* - at `\$\.{where}`"):
        msgspec.convert(source, AnySource)
