"""Loopback: both stand-ins listen there, and speak to no other machine."""

import ipaddress
import socket
from typing import Final

HOST: Final = "127.0.0.1"

# The kernel drops a connection that does not fit and the client retries after one second, then after three: in a burst
# a command would be acknowledged too late. No service that the stand-ins imitate behaves like that.
LISTEN_BACKLOG: Final = 4096


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


def find_free_port() -> int:
    """Return a port that is free now, for a program that has to be told one."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
