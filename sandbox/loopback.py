"""What both stand-ins need to listen on this machine."""

from typing import Final

# The kernel drops one that finds no room, and it comes again after one second, then after three: in a burst a command
# would be acknowledged too late because of it. No service that is meant here lets that happen.
LISTEN_BACKLOG: Final = 4096
