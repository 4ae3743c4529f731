"""The policy on resolved addresses (security rows 1 and 2)."""

from ipaddress import ip_address

import pytest

from datasources.model.errors import SettingsError, SourceUnreachable
from datasources.model.settings import Settings
from datasources.model.vocabulary import ErrorCode
from datasources.network.addresses import Policy, resolve

ALWAYS_REFUSED = [
    "169.254.169.254",
    "fe80::1",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",
    "::",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "255.255.255.255",
]
PRIVATE = ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("address", ALWAYS_REFUSED)
def test_always_refused(address: str) -> None:
    """Link-local, metadata, multicast and unspecified are refused whatever the settings, in every disguise."""
    assert not Policy(allow_private=True).allows(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_private_is_a_setting(address: str) -> None:
    """Private and loopback ranges are refused unless allowed."""
    assert not Policy().allows(ip_address(address))
    assert Policy(allow_private=True).allows(ip_address(address))


def test_a_listed_range_is_allowed() -> None:
    """Only the range that is listed."""
    policy = Policy.from_settings(Settings(allowed_networks="10.1.0.0/16, fd12::/64"))
    assert policy.allows(ip_address("10.1.2.3"))
    assert not policy.allows(ip_address("10.2.0.1"))
    assert policy.allows(ip_address("8.8.8.8"))


def test_a_malformed_range_names_the_setting() -> None:
    """A typing error in the list is told."""
    with pytest.raises(SettingsError, match="SOURCECHECK_ALLOWED_NETWORKS"):
        Policy.from_settings(Settings(allowed_networks="10.1.0.0/99"))


async def test_names_are_judged_by_their_addresses() -> None:
    """A name is refused for where it leads."""
    with pytest.raises(SourceUnreachable) as caught:
        await resolve("localhost", 5432, Policy())
    assert caught.value.code is ErrorCode.DESTINATION_FORBIDDEN
