"""Errors of an open database.

::

    ReplicordError
    ├── ConfigError        the database cannot be opened as configured (raised by Store.open only)
    ├── StoreError         a transaction failed and was rolled back
    └── UserError
        └── QuotaExceeded  the author has reached a limit on runs
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.exc import StatementError

from bot.errors import ReplicordError, UserError

# A part of SQLite's message, and what to do about it.
_EXPLANATIONS = (
    ("disk is full", "The disk that holds the database is full. Free some space."),
    ("readonly", "The database is read-only. Give the bot's user write access to the file and its folder."),
    ("not a database", "The file is not an SQLite database. Use another path, or move the file away."),
    ("malformed", "The database is damaged. Restore the latest backup."),
    ("is locked", "Another program has locked the database. Close it, then try again."),
    ("unable to open", "The database cannot be opened. Give the bot's user access to the file and its folder."),
    ("disk i/o error", "The disk that holds the database reports errors. Check the system log."),
)


class StoreError(ReplicordError):
    """A transaction failed; all of it was rolled back. The text holds no parameters (prompts, tokens)."""


class QuotaKind(StrEnum):
    """Which limit was reached: runs at once, or runs in 24 hours."""

    ACTIVE = "active"
    DAILY = "daily"


class QuotaExceeded(UserError):
    """The author may not start another run. The sentence for people is made in ``bot.ui.render.strings``.

    ``limit`` is the number of runs allowed, ``used`` how many count towards it now. ``retry_at`` is when the next run
    of the day is allowed; None for ``QuotaKind.ACTIVE``, and where the limit is 0.
    """

    def __init__(self, kind: QuotaKind, *, limit: int, used: int, retry_at: datetime | None = None) -> None:
        super().__init__(f"The {kind} limit of {limit} is reached.")
        self.kind = kind
        self.limit = limit
        self.used = used
        self.retry_at = retry_at


def explain_error(error: StatementError) -> str:
    """Return a sentence that says what SQLite's error means and how to fix it."""
    message = str(error.orig)
    for part, sentence in _EXPLANATIONS:
        if part in message.lower():
            return sentence
    return f"The database reported an error: {message.removesuffix('.')}."
