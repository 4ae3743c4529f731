"""Which addresses may be reached: decided on resolved addresses (security, rows 1 and 2)."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

from datasources.errors import SettingsError, SourceUnreachable
from datasources.settings import Settings
from datasources.words import ErrorCode

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NAT64 = ip_network("64:ff9b::/96")
METADATA = frozenset({ip_address("fd00:ec2::254"), ip_address("100.100.100.200")})
"""Metadata services outside the link-local ranges."""
SHARED = ip_network("100.64.0.0/10")


class Policy(Struct, frozen=True):
    """What is allowed beside public addresses."""

    allow_private: bool = False
    allowed: tuple[Network, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> "Policy":
        """Raises `SettingsError` for a malformed range."""
        try:
            ranges = tuple(ip_network(part.strip()) for part in settings.allowed_networks.split(",") if part.strip())
        except ValueError as error:
            raise SettingsError(f"SOURCECHECK_ALLOWED_NETWORKS: {error}") from error
        return cls(settings.allow_private_networks, ranges)

    def allows(self, address: Address) -> bool:
        """Whether a source may be at this address."""
        return all(self._allows(form) for form in _forms(address))

    def _allows(self, address: Address) -> bool:
        if address in METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
            return False
        if address.version == 4 and address == IPv4Address("255.255.255.255"):
            return False
        inner = address.is_private or address.is_loopback or address.is_reserved or address in SHARED
        if not inner:
            return True
        return self.allow_private or any(address in network for network in self.allowed)


def _forms(address: Address) -> list[Address]:
    """The address and the IPv4 ones that it carries inside."""
    if isinstance(address, IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, address.teredo[1] if address.teredo else None]
    if address in NAT64:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    carried: list[Address] = [form for form in inner if form is not None]
    return carried if address.ipv4_mapped else [address, *carried]


async def resolve(host: str, port: int, policy: Policy) -> list[str]:
    """The addresses of a host, each one allowed. Raises `SourceUnreachable`."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise SourceUnreachable(ErrorCode.HOST_NOT_FOUND, f"Host {host} not found", {"stage": "resolve"}) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not policy.allows(ip_address(address.split("%")[0])):
            raise SourceUnreachable(
                ErrorCode.DESTINATION_FORBIDDEN, f"{host} is at an address that is not allowed", {"stage": "resolve"}
            )
    return addresses
