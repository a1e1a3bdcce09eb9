"""How many new connections may wait until a stand-in takes them."""

from typing import Final

# The kernel drops one that finds no room, and it comes again after one second, then after three: in a burst a command
# would be acknowledged too late because of it. No service that is meant here lets that happen.
BACKLOG: Final = 4096
