"""Which IP addresses are public: of hosts on the internet, and of nothing in this machine, its network or its cloud.

Sources: IANA's registries of special-purpose IPv4 and IPv6 addresses (RFC 6890 and its updates), RFC 4291 (IPv6),
RFC 6052 (NAT64), RFC 5214 (ISATAP); the metadata addresses of cloud providers by their own documents.
"""

import ipaddress
from typing import Final

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
