"""Where a webhook may go: to public addresses, and to those that the configuration names.

A name is resolved once, every address that it has is checked, and the connection goes to one of exactly these. So a
name that answers otherwise the second time (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from wellkept.kernel.errors import ForbiddenError, WellkeptError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
"""Translated within a network in a way that is its own (RFC 8215): which address is meant cannot be told."""


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host as the machine's resolver tells them.

    Raises:
        WellkeptError: it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise WellkeptError(f"{host} has no address: {getattr(error, 'strerror', '') or error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked(host: str, port: int, networks: Sequence[Network], *, plain: bool, resolve: Resolve) -> list[str]:
    """The addresses of a host, when a webhook may go to all of them.

    Args:
        host: a name or an address as written in a URL.
        port: where.
        networks: addresses that are not public and may be reached all the same.
        plain: whether it would go in plain text, which public addresses never get.
        resolve: gives a name's addresses.

    Raises:
        ForbiddenError: one of them must not be reached; which one, and what would allow it.
        WellkeptError: the name has no address.
    """
    found = resolve(host, port)
    if not found:
        raise WellkeptError(f"{host} has no address")
    for text in found:
        why = refusal(ipaddress.ip_address(text.partition("%")[0]), networks, plain=plain)
        if why:
            raise ForbiddenError(f"{host} is {text}, {why}")
    return list(found)


def refusal(address: Address, networks: Sequence[Network], *, plain: bool = False) -> str:
    """Why an address must not be reached; empty where it may be."""
    inner = _inside(address)
    if _is_allowed(inner, networks):
        return ""
    if inner.is_link_local:
        return "a link-local address (a cloud's metadata are there); webhooks.networks must name a part of that range"
    is_local = isinstance(inner, ipaddress.IPv6Address) and (inner.is_site_local or inner in _LOCAL_NAT64)
    if not inner.is_global or inner.is_multicast or is_local:
        return "which is not public; webhooks.networks may name it"
    return "and plain text goes only to addresses that webhooks.networks names; use https://" if plain else ""


def _inside(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4, Teredo, NAT64); else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_allowed(address: Address, networks: Sequence[Network]) -> bool:
    """Whether a network names the address. A link-local one must be named by a network of link-local addresses."""
    holding = [network for network in networks if network.version == address.version and address in network]
    return any(network.is_link_local for network in holding) if address.is_link_local else bool(holding)
