"""What only a server of one's own can answer; the other errors are those of all backends."""

from bot.backends.cog.client import HealthStatus
from bot.backends.errors import ApiError, NotFound, Throttled

_BUSY_RETRY = 1.0  # seconds: a place is given back within the bot, this is for others who use the server


class ServerBusy(Throttled):
    """Every place is taken, or the model is being set up: the create was refused, and will be accepted later."""

    def __init__(self, *, is_starting: bool) -> None:
        detail = "The model is starting." if is_starting else "All places are taken."
        super().__init__(status=409, title="", detail=detail, retry_after=_BUSY_RETRY)
        self.is_starting = is_starting


class ServerUnusable(ApiError):
    """The create was refused, and will be until somebody mends the server; ``health`` says what is wrong with it."""

    def __init__(self, health: HealthStatus) -> None:
        super().__init__(status=409, title="", detail=f"The model's server is {health}.")
        self.health = health


class PredictionLost(NotFound):
    """The prediction does not run, and its end was not told.

    ``unfinished``: its server was started after it had been sent, and this bot would have been told of an end before,
    so the model has certainly not finished it.
    """

    def __init__(self, *, unfinished: bool) -> None:
        super().__init__(status=404, title="", detail="The model's server no longer knows this run.")
        self.unfinished = unfinished
