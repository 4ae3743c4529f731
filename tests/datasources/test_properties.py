"""Properties of the pure parts, over made-up input: addresses, names, globs."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasources.databases.globs import Globs, parse_globs
from datasources.databases.names import split_schema
from datasources.network.addresses import Policy

OPEN = Policy(allow_private=True, allowed=(ip_network("0.0.0.0/0"), ip_network("::/0")))
"""Everything is allowed that can be allowed."""
NEVER = [ip_network(range_) for range_ in ("169.254.0.0/16", "224.0.0.0/4", "0.0.0.0/32", "255.255.255.255/32")]

every_v4 = st.ip_addresses(v=4)
never_v4 = st.one_of(*(st.ip_addresses(v=4, network=network) for network in NEVER))
printable = st.text(min_size=1, max_size=20).filter(str.isprintable)


def spellings(address: IPv4Address) -> list[IPv6Address]:
    """IPv6 addresses by which a host that translates or tunnels reaches this IPv4 address."""
    number = int(address)
    prefixes = ("::ffff:0:0", "64:ff9b::", "::ffff:0:0:0")
    sixtofour = IPv6Address((0x2002 << 112) | (number << 80))
    return [*(IPv6Address(int(IPv6Address(prefix)) | number) for prefix in prefixes), sixtofour]


@given(never_v4)
def test_some_addresses_are_never_allowed(address: IPv4Address) -> None:
    """Link-local with its metadata services, multicast, unspecified, broadcast: no setting opens them, in no spelling."""
    assert not OPEN.allows(address)
    assert [form for form in spellings(address) if OPEN.allows(form)] == []


@given(every_v4)
def test_only_global_addresses_are_allowed_by_default(address: IPv4Address) -> None:
    """Without a setting nothing inner is reached, and another spelling of an address is no way around."""
    policy = Policy()
    assert not policy.allows(address) or address.is_global
    assert [form for form in spellings(address) if policy.allows(form)] == [] or policy.allows(address)


@given(every_v4, st.integers(8, 32))
def test_a_range_opens_itself_and_nothing_else(address: IPv4Address, length: int) -> None:
    """An allowed range adds what is in it; everything else stays as it was."""
    network = ip_network((address, length), strict=False)
    policy = Policy(allowed=(network,))
    outside = IPv4Address(int(address) ^ (1 << (32 - length))) if length else address
    assert policy.allows(address) == OPEN.allows(address)
    assert policy.allows(outside) == Policy().allows(outside)


def quoted(name: str) -> str:
    """A part of a name, as it can always be written."""
    return '"' + name.replace('"', '""') + '"'


@given(printable, printable)
def test_a_quoted_name_is_read_back(database: str, schema: str) -> None:
    """Dots, quotes, spaces, case and all."""
    assert split_schema(quoted(schema)) == (None, schema)
    assert split_schema(f"{quoted(database)}.{quoted(schema)}") == (database, schema)


@given(st.text(max_size=40))
def test_a_name_is_read_or_refused(name: str) -> None:
    """Any text: two parts at most, never an empty schema, nothing unprintable, and no other error."""
    try:
        database, schema = split_schema(name)
    except ValueError:
        return
    assert schema
    assert database != ""
    assert (schema + (database or "")).isprintable()


plain = st.text("abcXYZ_0", min_size=1, max_size=8)


@given(plain, plain, plain)
def test_lists_of_globs(database: str, schema: str, table: str) -> None:
    """No list means all; each way to write a name matches it; what is excluded is out, included or not."""
    names = [table, f"{schema}.{table}", f"{database}.{schema}.{table}", f"{schema}.*", "*", f'"{schema}"."{table}"']
    assert Globs().match(schema, table, database)
    assert Globs(" \n\n").match(schema, table, database)
    for name in names:
        assert Globs(f"\nnothing.else\n {name} \n").match(schema, table, database)
        assert not Globs("*", name).match(schema, table, database)
        assert not Globs(None, f"nothing.else\n{name}").match(schema, table, database)


@given(st.text(max_size=30), plain, plain)
def test_any_text_is_a_list_of_globs(globs: str, schema: str, table: str) -> None:
    """It never fails, and what it has not matched is told."""
    wanted = Globs(globs)
    matched = wanted.match(schema, table)
    assert matched or len(wanted.unmatched) == len({glob.text for glob in parse_globs(globs)})


@given(st.text('abc.*?[]"', min_size=1, max_size=8), st.text('abc.*?[]"', min_size=1, max_size=8))
def test_a_quoted_glob_is_the_name_itself(schema: str, table: str) -> None:
    """Dots, wildcards and quotes in a name are no more than that."""
    wanted = Globs(f"{quoted(schema)}.{quoted(table)}")
    assert wanted.match(schema, table)
    assert not wanted.match(schema, table + "x")
    assert not wanted.match("x" + schema, table)


@pytest.mark.parametrize("text", ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"])
def test_the_metadata_service_by_its_names(text: str) -> None:
    """The examples that everybody tries first."""
    assert not OPEN.allows(IPv6Address(text) if ":" in text else IPv4Address(text))
