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
    """Return a port for a program that has to be told one; for a minute, the system gives it to nobody else.

    A connection that was closed keeps its port that long. A server may listen on it all the same, as servers set
    ``SO_REUSEADDR``, but neither port 0 nor an outgoing connection gets it.
    """
    with socket.create_server((HOST, 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address):
            server.accept()[0].close()  # who closes first is the one whose port is kept
    return int(address[1])
