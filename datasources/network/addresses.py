"""Which addresses may be reached: decided on resolved addresses (security rows 1 and 2)."""

import socket
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

from datasources.model.errors import SettingsError, SourceUnreachable
from datasources.model.setting_rules import networks
from datasources.model.settings import Settings
from datasources.model.vocabulary import ErrorCode
from datasources.network.threads import in_thread

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NEVER = frozenset(
    map(
        ip_address,
        (
            "255.255.255.255",
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle
            "fd00:ec2::254",  # Amazon
            "fd20:ce::254",  # Google
        ),
    )
)
"""Broadcast, and metadata services outside the link-local ranges."""
METADATA_NAMES = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.azure.com",
        "metadata.azure.internal",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.oraclecloud.com",
        "metadata.packet.net",
        "metadata.platformequinix.com",
        "metadata.tencentyun.com",
        "rancher-metadata",
    }
)
"""Names by which metadata services go where they are; what they mean is decided there, not here."""
SHARED = ip_network("100.64.0.0/10")
NAT64 = ip_network("64:ff9b::/96")
CARRIERS = (NAT64, ip_network("64:ff9b:1::/48"), ip_network("::ffff:0:0:0/96"), ip_network("::/96"))
"""IPv6 ranges whose last 32 bits are an IPv4 address: RFC 6052, 8215, 7915, 4291."""


class Policy(Struct, frozen=True):
    """What is allowed beside public addresses."""

    allow_private: bool = False
    allowed: tuple[Network, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> "Policy":
        """Raises `SettingsError` for a malformed range."""
        try:
            ranges = networks(settings.allowed_networks)
        except ValueError as error:
            raise SettingsError(f"SOURCECHECK_ALLOWED_NETWORKS: {error}") from error
        return cls(settings.allow_private_networks, ranges)

    def allows(self, address: Address) -> bool:
        """Whether a source may be at this address."""
        return all(self._allows(form) for form in _forms(address))

    def _allows(self, address: Address) -> bool:
        if address in NEVER or address.is_link_local or address.is_multicast or address.is_unspecified:
            return False
        return not _inner(address) or self.allow_private or any(address in network for network in self.allowed)


def _inner(address: Address) -> bool:
    """Whether it is an address of some inner network, or of none."""
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_private or address.is_loopback or address.is_reserved or address in SHARED or site_local


def _forms(address: Address) -> list[Address]:
    """The address and the IPv4 ones that it carries inside; those alone, where it is only another spelling of them."""
    if isinstance(address, IPv4Address) or address.is_loopback:
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in NAT64:
        return [last]
    carried: list[Address | None] = [
        address.sixtofour,
        address.teredo[1] if address.teredo else None,
        last if any(address in network for network in CARRIERS) else None,
    ]
    return [address, *(form for form in carried if form is not None)]


def canonical(host: str) -> str:
    """The host as one writes it: an address in its usual form, however it was spelled; a name without its final dot."""
    name = host.rstrip(".").lower()
    address = literal(name)
    return name if address is None else str(address)


def literal(name: str) -> Address | None:
    """The address that a host is, in any spelling that the system's resolver understands; None for a name."""
    with suppress(ValueError):
        return ip_address(name.split("%", maxsplit=1)[0])
    with suppress(OSError):  # decimal, octal, hexadecimal; with fewer than four parts
        return IPv4Address(socket.inet_aton(name))
    return None


def is_metadata_name(host: str) -> bool:
    """Whether it is the name of a metadata service, wherever it is looked up."""
    return canonical(host) in METADATA_NAMES


async def resolve(host: str, port: int, policy: Policy) -> list[str]:
    """The addresses of a host that the policy allows, at least one, in the order of the system's resolver.

    Resolve once and connect to one of these, so that DNS has no second say. Takes as long as the resolver takes:
    the caller has the limit. Raises `SourceUnreachable`: HOST_NOT_FOUND, or DESTINATION_FORBIDDEN when the host has
    addresses and none is allowed.
    """
    addresses = [] if is_metadata_name(host) else await look_up(host, port)
    allowed = [address for address in addresses if policy.allows(ip_address(address.split("%")[0]))]
    if not allowed:
        # Without the address: a client must not learn what a name resolves to inside.
        raise SourceUnreachable(
            ErrorCode.DESTINATION_FORBIDDEN, f"The address of {host} is not allowed", {"stage": "resolve"}
        )
    return allowed


async def look_up(host: str, port: int) -> list[str]:
    """All addresses of a host, in the order of the system's resolver. Raises `SourceUnreachable`: HOST_NOT_FOUND."""
    try:
        # A resolver that hangs must not hold up the end of the process, as the loop's own threads would.
        found = await in_thread(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
    except (socket.gaierror, UnicodeError) as error:
        reason = f" ({error.strerror})" if isinstance(error, socket.gaierror) and error.strerror else ""
        away = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
        details: dict[str, object] = {"stage": "resolve"} | ({"transient": True} if away else {})
        raise SourceUnreachable(ErrorCode.HOST_NOT_FOUND, f"Host {host} not found{reason}", details) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
