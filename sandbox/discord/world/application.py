"""The application whose bot is in the world."""

import base64
from dataclasses import dataclass

from sandbox.discord.world.user import User


@dataclass(slots=True, eq=False)
class Application:
    """An application, its bot and who owns it.

    ``privileged`` are the privileged gateway intents that its owner switched on, as bits.
    """

    id: int
    name: str
    description: str
    bot: User
    owner: User
    privileged: int = 0
    secret: str = "sandbox-not-a-secret"  # noqa: S105 - the name says it: it opens nothing but this stand-in

    @property
    def token(self) -> str:
        """The bot's token, in the shape of a real one: its id in base 64 and two more parts."""
        head = base64.urlsafe_b64encode(str(self.bot.id).encode()).decode().rstrip("=")
        return f"{head}.sand.{self.secret}"
