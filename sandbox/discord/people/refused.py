"""What Discord's client does not let a person do."""

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.discord.errors import ApiError


class ClientRefused(Exception):
    """The client said no before anything was sent; the text is what the person reads."""


@contextmanager
def as_refusal() -> Iterator[None]:
    """Turn Discord's no into what the client shows for it."""
    try:
        yield
    except ApiError as error:
        raise ClientRefused(f"{error.refusal.message}.") from error
