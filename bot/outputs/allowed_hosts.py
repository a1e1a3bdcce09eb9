"""The hosts that files may be downloaded from, and the addresses that are used for them.

An entry is a host name ("replicate.delivery": it and its subdomains), an IP address, or either with a port.
Addresses that are not public (``is_public_address``) are never used, whatever a name resolves to, unless an entry
is the host itself. Replicate's own delivery hosts are always public: no entry allows a private address for them.

Sources of what is public, and nothing in this machine, its network or its cloud: IANA's registries of special-purpose
IPv4 and IPv6 addresses (RFC 6890 and its updates), RFC 4291 (IPv6), RFC 6052 (NAT64), RFC 5214 (ISATAP); the metadata
addresses of cloud providers by their own documents.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import httpx

from bot.language import _
from bot.outputs.errors import AddressNotAllowed, HostUnreachable

DELIVERY_HOSTS: Final = ("replicate.delivery",)

_PORTS: Final = {"http": 80, "https": 443}

_NOT_PUBLIC_4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; some systems connect 0.0.0.0 to themselves
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; the metadata of Alibaba Cloud: 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform, on an address that looks public
        "169.254.0.0/16",  # link-local; the metadata of most clouds: 169.254.169.254
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF; the metadata of Oracle Cloud: 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, also 6a44
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")  # everything else is special or reserved
_NOT_PUBLIC_6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # IETF: Teredo (which embeds IPv4), benchmarks, ORCHID, AMT and others
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds IPv4 and reaches it over relays of others
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# Translated to IPv4 by the network itself, where it has no other way to IPv4: as public as what is embedded.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP_IDS: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})  # the upper half of an interface id that embeds IPv4

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Return the IP addresses of a host and port."""


@dataclass(frozen=True, slots=True)
class _Entry:
    host: str
    port: int | None
    is_address: bool  # addresses have no subdomains


class AllowedHosts:
    """Decide which addresses a URL may be fetched from: those of the entries, or also every other that is public."""

    def __init__(self, entries: Collection[str], *, any_public: bool = False, resolver: Resolver | None = None) -> None:
        self._entries = tuple(_parse_entry(entry) for entry in entries)
        self._any_public = any_public
        self._resolver = resolver or resolve_by_system

    async def resolve(self, url: httpx.URL) -> tuple[str, ...]:
        """Return the IP addresses at which the URL may be fetched, in the order of preference.

        The caller connects to one of them and does not resolve the name again, so that a name which resolves
        differently a moment later changes nothing.

        Raises AddressNotAllowed if the URL, its host or all of its addresses are not allowed, and HostUnreachable if
        the name does not resolve.
        """
        host = _normalize(url.raw_host.decode("ascii"))
        port = url.port or _PORTS.get(url.scheme, 0)
        if not 0 < port < 2**16 or not host or url.userinfo:
            raise AddressNotAllowed(_("The file's address isn't a plain web address."))
        entries = [entry for entry in self._entries if _matches(entry, host, port)]
        if not entries and not self._any_public:
            raise AddressNotAllowed(_("The file is on a host this bot isn't allowed to download from."))
        allows_private = host not in DELIVERY_HOSTS and any(entry.host == host for entry in entries)
        try:
            addresses = (host,) if _parse_ip(host) else tuple(await self._resolver(host, port))
        except (OSError, UnicodeError) as error:  # UnicodeError: names that cannot be encoded for DNS
            raise HostUnreachable(_("The file's host can't be found right now.")) from error
        allowed = tuple(address for address in addresses if allows_private or is_public_address(address))
        if not allowed:
            raise AddressNotAllowed(_("The file's host is in a private network, which this bot doesn't access."))
        return allowed


async def resolve_by_system(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses from the system's resolver, in its order of preference."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public_address(text: str) -> bool:
    """Return whether this is an IP address that may be connected to on behalf of others. False for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return _is_public_4(address)
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return _is_public_4(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _GLOBAL_UNICAST or any(address in network for network in _NOT_PUBLIC_6):
        return False
    is_isatap = int(address) >> 32 & 0xFFFF_FFFF in _ISATAP_IDS
    return not is_isatap or _is_public_4(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))


def _is_public_4(address: ipaddress.IPv4Address) -> bool:
    return not any(address in network for network in _NOT_PUBLIC_4)


def is_allowed_host(url: str, entries: Collection[str]) -> bool:
    """Return whether the URL's host is one of the entries or a subdomain of one; never raise."""
    try:
        parts = urlsplit(url)
        host, port = _normalize(parts.hostname or ""), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return False
    return any(_matches(entry, host, port) for entry in _parse_entries(tuple(entries)))


@lru_cache(maxsize=16)
def _parse_entries(entries: tuple[str, ...]) -> tuple[_Entry, ...]:
    return tuple(map(_parse_entry, entries))


def _parse_entry(entry: str) -> _Entry:
    parts = urlsplit(entry if "//" in entry else f"//{entry}")
    host = _normalize(parts.hostname or "")
    return _Entry(host=host, port=parts.port, is_address=_parse_ip(host) is not None)


def _normalize(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _matches(entry: _Entry, host: str, port: int) -> bool:
    if not entry.host or entry.port not in (None, port):
        return False
    return host == entry.host or (not entry.is_address and host.endswith(f".{entry.host}"))


def _parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
