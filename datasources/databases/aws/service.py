"""Where a service of AWS answers."""

from msgspec import Struct


class Service(Struct, frozen=True):
    """One service in one region."""

    name: str
    """As signatures have it."""
    target: str
    """What stands before the dot of `X-Amz-Target`."""
    region: str
    host: str
    port: int = 443
    tls: bool = True


def host_of(service: str, region: str) -> str:
    """Amazon's own host for a service in a region."""
    return f"{service}.{region}.{'amazonaws.com.cn' if region.startswith('cn-') else 'amazonaws.com'}"
