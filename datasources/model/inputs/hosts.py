"""Hosts as people write and paste them: a name, an internationalized name, an IPv4 or an IPv6 address."""

import re
from ipaddress import IPv6Address, ip_address

import idna

MAX_LENGTH = 253
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?")
_WITH_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]+):(?P<port>[0-9]{1,5})")


def host_name(text: str) -> str:
    """The host alone, as resolvers take it: without brackets and outer blanks, internationalized names in ASCII.

    Raises `ValueError` with a sentence that begins with the field, for what is no host, or more than one.
    """
    host = text.strip()
    if "://" in host:
        raise ValueError("`host` is a whole address; give only the host name here, and the rest in its own fields")
    if "@" in host:
        raise ValueError(
            f"`host` has a user in it; write {host.rpartition('@')[2]} in host and the user in its own field"
        )
    if found := _WITH_PORT.fullmatch(host):
        raise ValueError(
            f"`host` has a port in it; write {found['host'].strip('[]')} in host and {found['port']} in port"
        )
    if "," in host:
        raise ValueError("`host` names several hosts; register a source for each")
    if "/" in host or "\\" in host:
        raise ValueError("`host` is a path; write the name or the address of a server")
    return _address(host) or _name(host)


def _address(host: str) -> str | None:
    """An IPv6 address without its brackets; None for everything else."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ip_address(bare)
    except ValueError:
        if bare == host and ":" not in host:
            return None
        raise ValueError("`host` is not a valid IPv6 address") from None
    if isinstance(address, IPv6Address):
        return bare
    if bare == host:
        return None
    raise ValueError(f"`host` has brackets around it that belong to IPv6; write {bare}")


def _name(host: str) -> str:
    if not host:
        raise ValueError("`host` is blank")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError as error:
            raise ValueError("`host` is not a valid internationalized name") from error
    if len(host) > MAX_LENGTH or not _NAME.fullmatch(host):
        raise ValueError("`host` is not a host name: letters, digits, dots, hyphens and underscores make one")
    return host
