"""Hosts: where outputs may be fetched from, and at which addresses.

An entry is a host name ("replicate.delivery": it and its subdomains), an IP address, or either with a port.
Private, loopback and link-local addresses are never used, whatever a name resolves to, unless an entry names the
host itself. Replicate's own delivery hosts are public by nature: no entry makes a private address of theirs good.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from bot.outputs.errors import AddressNotAllowed, HostUnreachable

DELIVERY_HOSTS: Final = ("replicate.delivery",)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class _Entry:
    host: str
    port: int | None
    address: bool  # an IP address, which has no subdomains


class AllowedHosts:
    """Decides which addresses a URL may be fetched from."""

    def __init__(self, entries: Collection[str], *, resolve: Resolve | None = None) -> None:
        self._entries = tuple(_parse(entry) for entry in entries)
        self._resolve = resolve or resolve_by_system

    async def addresses(self, url: httpx.URL) -> tuple[str, ...]:
        """Return the IP addresses at which this URL may be fetched, the best first.

        The caller connects to one of them and to nothing else, so that a name which resolves differently a moment
        later gains nothing. Raises NotAllowed, or Unreachable when the name has no address.
        """
        host = _plain(url.raw_host.decode("ascii"))
        port = url.port or _PORTS.get(url.scheme, 0)
        if not 0 < port < 2**16 or not host or url.userinfo:
            raise AddressNotAllowed("The model gave an address that is not a plain web address, so it was not opened.")
        entries = [entry for entry in self._entries if _covers(entry, host, port)]
        if not entries:
            raise AddressNotAllowed("The file lies on a host that this bot does not fetch from.")
        named = host not in DELIVERY_HOSTS and any(entry.host == host for entry in entries)
        try:
            found = (host,) if _as_ip(host) else tuple(await self._resolve(host, port))
        except (OSError, UnicodeError) as error:  # the latter for names that no resolver takes
            raise HostUnreachable("The file's host cannot be found right now.") from error
        good = tuple(address for address in found if named or _is_public(address))
        if not good:
            raise AddressNotAllowed("The file's host lies in a private network, so it was not opened.")
        return good


async def resolve_by_system(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses that the machine's resolver knows for the host, in its order of preference."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def is_covered(url: str, entries: Collection[str]) -> bool:
    """Whether the URL's host is one of the entries or a subdomain of one; never raises."""
    try:
        parts = urlsplit(url)
        host, port = _plain(parts.hostname or ""), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return False
    return any(_covers(_parse(entry), host, port) for entry in entries)


def _parse(entry: str) -> _Entry:
    parts = urlsplit(entry if "//" in entry else f"//{entry}")
    host = _plain(parts.hostname or "")
    return _Entry(host=host, port=parts.port, address=_as_ip(host) is not None)


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _covers(entry: _Entry, host: str, port: int) -> bool:
    if not entry.host or entry.port not in (None, port):
        return False
    return host == entry.host or (not entry.address and host.endswith(f".{entry.host}"))


def _as_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_public(text: str) -> bool:
    """Whether the address is one of the open internet, also where it wraps another (mapped, 6to4, Teredo, NAT64)."""
    address = _as_ip(text)
    if address is None or address.is_multicast:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner.is_global if inner is not None else address.is_global
