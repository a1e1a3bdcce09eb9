"""The stand-in's base URLs, and whether a host is this machine."""

import ipaddress
from dataclasses import dataclass


@dataclass(slots=True)
class BaseUrls:
    """``http://127.0.0.1:<port>`` of the API, the streams and the output files; empty until the stand-in starts."""

    api: str = ""
    stream: str = ""
    delivery: str = ""


def is_loopback(host: str | None) -> bool:
    """Return whether ``host`` (a name or an address, as in a URL) is this machine."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
