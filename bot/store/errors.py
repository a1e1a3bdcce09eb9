"""What can go wrong with the database, once it is open.

::

    ReplicordError
    ├── ConfigError    it cannot be opened as it is set up (raised by Store.open alone)
    └── StoreError     a move or a question failed; nothing of it is kept
"""

from sqlalchemy.exc import StatementError

from bot.errors import ReplicordError


class StoreError(ReplicordError):
    """The database did not do what was asked; what was asked for is not kept, not even in part."""


# What SQLite says, and what a person can do about it.
_CURES = (
    ("disk is full", "The disk that holds the database is full. Make room on it."),
    ("readonly", "The database cannot be written. Give the bot's user the right to write to it and to its folder."),
    ("not a database", "The file is not an SQLite database. Name another one, or move it away."),
    ("malformed", "The database is damaged. Restore the newest backup."),
    ("is locked", "Another program holds the database. Close it, then try again."),
    ("unable to open", "The database cannot be opened. Give the bot's user the rights to it and to its folder."),
    ("disk i/o error", "The disk that holds the database does not work as it should. Look at the system's log."),
)


def explain(error: StatementError) -> str:
    """Say in a sentence what the database means, and what mends it."""
    said = str(error.orig)
    for sign, sentence in _CURES:
        if sign in said.lower():
            return sentence
    return f"The database refused: {said.removesuffix('.')}."
