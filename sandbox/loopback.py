"""How both stand-ins listen on this machine."""

from typing import Final

HOST: Final = "127.0.0.1"

# The kernel drops a connection that does not fit and the client retries after one second, then after three: in a burst
# a command would be acknowledged too late. No service that the stand-ins imitate behaves like that.
LISTEN_BACKLOG: Final = 4096
