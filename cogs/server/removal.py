"""Remove a result from its channel: what a moderator does about a report."""

from collections.abc import Awaitable, Callable

from bot.runs import Run

RemoveResult = Callable[[Run, int], Awaitable[None]]
"""Removes the messages and stored copies of a finished run, in the name of a user; one in progress is stopped first."""
