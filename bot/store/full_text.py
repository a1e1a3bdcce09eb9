"""Search by words: SQLite's FTS5 and PostgreSQL's full text, over the column ``words`` of ``library_entries``.

Both find the same, because both get the same words: what a person writes and what is stored are normalized here, and
only letters and digits are left of it. So nothing that somebody types has a meaning of its own in a query.

``library_words`` on SQLite has an index of the words and no copy of them; triggers keep it up to date. It does not
overwrite what is deleted: see ``compact``.
"""

import re
import unicodedata
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    bindparam,
    column,
    event,
    func,
    literal_column,
    table,
    text,
)

from bot.limits import SEARCH_WORD_CHARS, SEARCH_WORDS_STORED
from bot.store.database import Database
from bot.store.tables import library_entries, metadata

SQLITE_DDL: Final = (
    (
        "CREATE VIRTUAL TABLE library_words USING fts5("
        "words, content='library_entries', content_rowid='number', detail=none, columnsize=0, "
        "tokenize='unicode61 remove_diacritics 0')"
    ),
    (
        "CREATE TRIGGER library_words_insert AFTER INSERT ON library_entries BEGIN "
        "INSERT INTO library_words(rowid, words) VALUES (new.number, new.words); END"
    ),
    (
        "CREATE TRIGGER library_words_delete AFTER DELETE ON library_entries BEGIN "
        "INSERT INTO library_words(library_words, rowid, words) VALUES ('delete', old.number, old.words); END"
    ),
    (
        "CREATE TRIGGER library_words_update AFTER UPDATE OF words ON library_entries BEGIN "
        "INSERT INTO library_words(library_words, rowid, words) VALUES ('delete', old.number, old.words); "
        "INSERT INTO library_words(rowid, words) VALUES (new.number, new.words); END"
    ),
)
POSTGRESQL_DDL: Final = (
    "CREATE INDEX library_entries_by_words ON library_entries USING gin (to_tsvector('simple'::regconfig, words))",
)

_WORD: Final = re.compile(r"[^\W_]+")
_SIMPLE: Final[ColumnElement[Any]] = literal_column("'simple'::regconfig")
_INDEXED: Final = table("library_words", column("rowid", Integer))
_MERGE: Final = text("INSERT INTO library_words(library_words, rank) VALUES ('merge', :pages)")
_MERGE_PAGES: Final = 500  # of some 4 kB, written in one transaction: some ten milliseconds


def _create_index(_target: object, connection: Connection, **_: object) -> None:
    for statement in POSTGRESQL_DDL if connection.dialect.name == "postgresql" else SQLITE_DDL:
        connection.exec_driver_sql(statement)


event.listen(metadata, "after_create", _create_index)


def split_words(written: str) -> tuple[str, ...]:
    """Return the words of a text in the form in which they are stored and searched: no case, no accents, no signs."""
    decomposed = unicodedata.normalize("NFKD", written.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return tuple(word[:SEARCH_WORD_CHARS] for word in _WORD.findall(plain))


def words_of(author_id: int, prompt: str | None) -> str:
    """Return what is stored to find a run by: its author, then the words of its prompt."""
    words = split_words(prompt)[:SEARCH_WORDS_STORED] if prompt else ()
    return " ".join((_author_word(author_id), *words))


def search_source(connection: Connection) -> FromClause:
    """Return what to select from, to find entries by ``matches``."""
    if connection.dialect.name == "postgresql":
        return library_entries
    return _INDEXED.join(library_entries, library_entries.c.number == _INDEXED.c.rowid)


def found_number(connection: Connection) -> ColumnElement[int]:
    """Return the number of an entry that was found, by which what is found is sorted."""
    return library_entries.c.number if connection.dialect.name == "postgresql" else _INDEXED.c.rowid


def found_order(connection: Connection) -> ColumnElement[int]:
    """Return what entries that were found are sorted by.

    PostgreSQL's + 0 keeps the index of numbers from being used: it would look for a word that hardly any entry has in
    the text of one entry after the other.
    """
    number = found_number(connection)
    return number + 0 if connection.dialect.name == "postgresql" else number


def found_of_author(connection: Connection) -> ColumnElement[bool]:
    """Return the condition that an entry that was found is the author's bound as ``user_id``.

    SQLite's + keeps an index from being used: it would ask the index of words once for each of the author's entries.
    """
    author = library_entries.c.author_id
    is_indexed = connection.dialect.name == "postgresql"
    return (author if is_indexed else literal_column("+library_entries.author_id")) == bindparam("user_id")


def matches(connection: Connection) -> ColumnElement[bool]:
    """Return the condition that an entry has the words bound as ``words``, in the form of ``to_query``."""
    if connection.dialect.name == "postgresql":
        return func.to_tsvector(_SIMPLE, library_entries.c.words).op("@@")(func.to_tsquery(_SIMPLE, bindparam("words")))
    return literal_column("library_words").op("MATCH")(bindparam("words"))


def to_query(connection: Connection, words: tuple[str, ...], *, author_id: int | None) -> str:
    """Return the query for entries with words that begin so, of one author or of all.

    ``words`` are those of ``split_words``: letters and digits, which mean nothing in either language.
    """
    author = [_author_word(author_id)] if author_id is not None else []
    if connection.dialect.name == "postgresql":
        return " & ".join([*author, *(f"{word}:*" for word in words)])
    return " ".join([*(f'"{word}"' for word in author), *(f'"{word}"*' for word in words)])


async def compact(database: Database) -> None:
    """Take the words of deleted entries out of SQLite's index for good, in short transactions; else do nothing.

    FTS5 only adds to its index: a deletion is one more entry, and both stay until their parts of it are merged.
    PostgreSQL's own VACUUM does as much there.
    """
    pages = -_MERGE_PAGES  # the first time all parts of the index are set to be merged, then they are
    while await database.write(partial(_merge, pages)):
        pages = _MERGE_PAGES


def _merge(pages: int, connection: Connection) -> bool:
    """Merge some of the index; return whether there was anything to merge."""
    if connection.dialect.name == "postgresql":
        return False
    driver: Any = connection.connection.driver_connection
    before: int = driver.total_changes
    connection.execute(_MERGE, {"pages": pages})
    # FTS5's documented sign: an INSERT that merged nothing changes no more than one row.
    return bool(driver.total_changes - before >= 2)


def _author_word(author_id: int) -> str:
    return f"by{author_id}"
