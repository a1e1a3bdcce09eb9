"""Errors of an open database.

::

    ReplicordError
    ├── ConfigError        the database cannot be opened as configured (raised by Store.open only)
    ├── StoreError         a transaction failed and was rolled back
    └── UserError
        ├── QuotaExceeded  the author has reached a limit on runs
        └── AlreadyStarted the run was started before
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from bot.errors import ReplicordError, UserError
from bot.language import _

# A part of the message of SQLite, or of a connection that failed, and what to do about it.
_EXPLANATIONS = (
    ("disk is full", "The disk that holds the database is full. Free some space."),
    ("readonly", "The database is read-only. Give the bot's user write access to the file and its folder."),
    ("not a database", "The file is not an SQLite database. Use another path, or move the file away."),
    ("malformed", "The database is damaged. Restore the latest backup."),
    ("is locked", "Another program has locked the database. Close it, then try again."),
    ("unable to open", "The database cannot be opened. Give the bot's user access to the file and its folder."),
    ('fatal:  database "', "The database in DATABASE_URL does not exist. Create it first."),
    ("fatal:  password", "The database server refused the user or password in DATABASE_URL."),
    ('fatal:  role "', "The database server refused the user or password in DATABASE_URL."),
    ("no password supplied", "The database server refused the user or password in DATABASE_URL."),
    ("fatal:  sorry, too many", "The database server has too many connections. Raise max_connections, or close some."),
    ("connection to server", "The database server cannot be reached. Check that it runs, and DATABASE_URL."),
    ("server closed the connection", "The connection to the database server was lost."),
    ("no such module: fts5", "Python's SQLite has no full-text search (FTS5). Use another build of Python."),
    ("disk i/o error", "The disk that holds the database reports errors. Check the system log."),
)

# The start of PostgreSQL's SQLSTATE, and what to do about it.
_STATES = (
    ("08", "The connection to the database server was lost."),
    ("57P", "The database server is restarting."),
    ("53100", "The disk of the database server is full. Free some space."),
    ("53300", "The database server has too many connections. Raise max_connections, or close some."),
    ("25006", "The database server is read-only. Set DATABASE_URL to the primary server."),
    ("28", "The database server refused the user or password in DATABASE_URL."),
    ("3D000", "The database in DATABASE_URL does not exist. Create it first."),
    ("42501", "The database user may not do this. Make it the owner of the schema."),
    ("55P03", "Another program has locked the database. Close it, then try again."),
)
_CONFLICTS = frozenset({"40001", "40P01"})


class StoreError(ReplicordError):
    """A transaction failed; all of it was rolled back. The text holds no parameters (prompts, tokens)."""


class CommitInDoubt(StoreError):
    """Whether a transaction took effect is not known, and the server cannot say: what it wrote has to be looked for."""


class LeaseLost(StoreError):
    """Another process has taken over the runs that the new one belongs to."""

    def __init__(self) -> None:
        super().__init__("Another process of the bot has taken over this server.")


class QuotaKind(StrEnum):
    """Which limit was reached: runs at once, or runs in 24 hours."""

    ACTIVE = "active"
    DAILY = "daily"


class QuotaExceeded(UserError):
    """The author may not start another run. The sentence for people is made in ``bot.ui.render.strings``.

    ``limit`` is the number of runs allowed, ``used`` how many count towards it now. ``retry_at`` is when the next run
    of the day is allowed; None for ``QuotaKind.ACTIVE``, and where the limit is 0. ``in_server``: it is a limit of the
    server's own, and counts its runs alone.
    """

    def __init__(
        self, kind: QuotaKind, *, limit: int, used: int, retry_at: datetime | None = None, in_server: bool = False
    ) -> None:
        super().__init__(f"The {kind} limit of {limit} is reached.")
        self.kind = kind
        self.limit = limit
        self.used = used
        self.retry_at = retry_at
        self.in_server = in_server


class AlreadyStarted(UserError):
    """The run was started before: this was a second try to start the same one, and nothing is started by it."""

    def __init__(self) -> None:
        super().__init__(_("This run was started already."))


def explain_error(error: StatementError) -> str:
    """Return a sentence that says what the database's error means and how to fix it."""
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return _explain_state(state, error)
    message = str(error.orig).strip().partition("\n")[0]
    for part, sentence in _EXPLANATIONS:
        if part in message.lower():
            return sentence
    return f"The database reported an error: {message.removesuffix('.')}."


def convert_error(error: Exception) -> Exception:
    """Return the StoreError for an error of a transaction; one of a job itself stays as it is.

    An error of PostgreSQL is not kept as its cause: its DETAIL shows the row, with prompt and token.
    """
    if not isinstance(error, StatementError):
        return error
    converted = StoreError(explain_error(error))
    if not _is_postgresql(error):
        converted.__cause__ = error
    return converted


def is_lost_connection(error: Exception) -> bool:
    """Return whether the connection to a server is gone, or could not be made: the server may be back soon."""
    if not isinstance(error, DBAPIError):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    no_answer = _is_postgresql(error) and isinstance(error, OperationalError) and state is None
    return error.connection_invalidated or no_answer or (state or "").startswith(("08", "57P"))


def is_transient(error: Exception) -> bool:
    """Return whether the same transaction may succeed at once: on a new connection, or after a deadlock."""
    state: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    return is_lost_connection(error) or state in _CONFLICTS


def _is_postgresql(error: StatementError) -> bool:
    return hasattr(error.orig, "diag")


def _explain_state(state: str, error: StatementError) -> str:
    for prefix, sentence in _STATES:
        if state.startswith(prefix):
            return sentence
    if state.startswith("22"):  # its message may quote the value
        return f"The database refused a value (SQLSTATE {state})."
    return f"The database reported an error: {error.orig.diag.message_primary} (SQLSTATE {state})."  # type: ignore[union-attr]
