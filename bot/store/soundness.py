"""Soundness: whether the file still is what SQLite wrote. Disks and copying break it; a killed bot does not."""

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, OperationalError


def size(connection: Connection) -> int:
    """Return how many bytes the database has."""
    pages: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    page: int = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return pages * page


def damage(connection: Connection) -> str | None:
    """Read the whole database and return the first thing that is broken, in SQLite's words; None when it is sound."""
    try:
        found: str = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    except OperationalError:
        raise  # it could not be looked at, which is not the same as broken
    except DatabaseError as error:
        return str(error.orig)
    return None if found == "ok" else found
