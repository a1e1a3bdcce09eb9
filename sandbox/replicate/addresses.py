"""The stand-in's base URLs, and whether a host is this machine."""

import ipaddress
from dataclasses import dataclass


@dataclass(slots=True)
class BaseUrls:
    """``http://127.0.0.1:<port>`` of the API, the streams and the delivered files; empty until it is started."""

    api: str = ""
    stream: str = ""
    delivery: str = ""


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
