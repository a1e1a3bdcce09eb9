"""Asking Replicate on a person's behalf: what stands in the way becomes a sentence for them."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import UserError
from bot.replicate.errors import ReplicateError, Throttled, Unauthenticated


class NotNow(UserError):
    """Replicate could not be asked, or did not want to answer; the sentence says what to do."""


@contextmanager
def asking() -> Iterator[None]:
    """Raise NotNow in the place of Replicate's own errors."""
    try:
        yield
    except Unauthenticated as error:
        raise NotNow("Replicate does not take this bot's token. Whoever runs the bot can mend that.") from error
    except Throttled as error:
        raise NotNow("Replicate asks for a pause. Try again in a minute.") from error
    except ReplicateError as error:
        raise NotNow("Replicate does not answer right now. Try again in a minute.") from error
