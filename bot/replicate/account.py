"""Account: whose token it is."""

from dataclasses import dataclass

from bot.replicate.wire import TextOrNone, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The owner of a token: ``type`` is "user" or "organization"."""

    type: str
    username: str
    name: str | None = None


class AccountAnswer(Wire):
    """An account as Replicate sends it."""

    type: str
    username: str
    name: TextOrNone = None
