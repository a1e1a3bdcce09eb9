"""Which hosts are this machine: the stand-in speaks to no other."""

import ipaddress


def is_loopback(host: str | None) -> bool:
    """Whether ``host`` (a name or an address, as a URL has it) is this machine itself."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
