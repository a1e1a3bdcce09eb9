"""What a person saved and chose, beside their runs: shared with servers, counted, exported and erased.

Runs hold copies of the characters they were given: pictures, and the description in their prompt. With the character,
the pictures are deleted there as well, and from the runs of others all that they hold of it; from runs in progress when
they are delivered. Files of a run are deleted together, as when they expire: its input refers to them by their order.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, or_, select, union, update

from bot.store import library
from bot.store.database import Database
from bot.store.notifications import Message, notify
from bot.store.tables import (
    Time,
    character_pictures,
    character_shares,
    characters,
    preferences,
    preset_shares,
    presets,
    run_characters,
    run_files,
    runs,
)

_PAGE: Final = 200  # runs

_COUNT_CHARACTERS: Final = (
    select(func.count()).select_from(characters).where(characters.c.owner_id == bindparam("person"))
)
_COUNT_PRESETS: Final = select(func.count()).select_from(presets).where(presets.c.owner_id == bindparam("person"))
_CHARACTERS: Final = select(characters).where(characters.c.owner_id == bindparam("person")).order_by(characters.c.key)
_PICTURES: Final = (
    select(
        character_pictures.c.character_id, character_pictures.c.name, character_pictures.c.mime,
        character_pictures.c.size,
    )
    .join(characters, characters.c.id == character_pictures.c.character_id)
    .where(characters.c.owner_id == bindparam("person"))
    .order_by(character_pictures.c.character_id, character_pictures.c.number)
)  # fmt: skip
_CHARACTER_SHARES: Final = (
    select(character_shares.c.character_id, character_shares.c.guild_id)
    .join(characters, characters.c.id == character_shares.c.character_id)
    .where(characters.c.owner_id == bindparam("person"))
)
_PRESETS: Final = select(presets).where(presets.c.owner_id == bindparam("person")).order_by(presets.c.key)
_PRESET_SHARES: Final = (
    select(preset_shares.c.preset_id, preset_shares.c.guild_id)
    .join(presets, presets.c.id == preset_shares.c.preset_id)
    .where(presets.c.owner_id == bindparam("person"))
)
_PREFERENCES: Final = select(preferences).where(preferences.c.person_id == bindparam("person"))

_DELETE_CHARACTERS: Final = delete(characters).where(characters.c.owner_id == bindparam("person"))
_DELETE_PRESETS: Final = delete(presets).where(presets.c.owner_id == bindparam("person"))
_DELETE_PREFERENCES: Final = delete(preferences).where(preferences.c.person_id == bindparam("person"))

# Runs that were given a deleted character of this person's, or a certain one.
_USES: Final = (
    select(run_characters.c.run_id, (runs.c.author_id == bindparam("owner")).label("is_own"))
    .join(runs, runs.c.id == run_characters.c.run_id)
    .where(
        run_characters.c.owner_id == bindparam("owner"),
        or_(bindparam("character", type_=run_characters.c.character_id.type).is_(None),
            run_characters.c.character_id == bindparam("character")),
        run_characters.c.character_id.not_in(select(characters.c.id)),
        runs.c.delivered_at.is_not(None),
    )
    .distinct()
    .limit(_PAGE)
)  # fmt: skip
# The owners of characters that a run was given and that are deleted by now.
_MISSING: Final = select(run_characters.c.owner_id).where(
    run_characters.c.run_id == bindparam("run_id"),
    run_characters.c.character_id.not_in(select(characters.c.id)),
)
_THESE: Final[BindParameter[str]] = bindparam("run_ids", expanding=True)
_DELETE_FILES: Final = delete(run_files).where(run_files.c.run_id.in_(_THESE))
_DELETE_USES: Final = delete(run_characters).where(run_characters.c.run_id.in_(_THESE))
_DELETE_OWN_USES: Final = _DELETE_USES.where(
    run_characters.c.owner_id == bindparam("owner"), run_characters.c.character_id.not_in(select(characters.c.id))
)
_CLEAR: Final = (
    update(runs)
    .where(runs.c.id.in_(_THESE))
    .values(
        input={}, prompt=None, summary="", notes=[], written=None, characters=None, chain=None,
        forgotten_at=func.coalesce(runs.c.forgotten_at, bindparam("at", type_=Time)),
    )
)  # fmt: skip

_SHARED: Final = (character_shares, preset_shares)
_SHARED_WITH: Final = union(
    *(select(table.c.guild_id, table.c.left_at).where(table.c.guild_id != 0) for table in _SHARED)
)
_SET_LEFT: Final = tuple(
    update(table).where(table.c.guild_id.in_(bindparam("guilds", expanding=True))).values(left_at=bindparam("at"))
    for table in _SHARED
)
_DELETE_LEFT: Final = tuple(
    delete(table).where(table.c.left_at <= bindparam("before", type_=Time)) for table in _SHARED
)


class Shares:
    """What is shared with servers; the things themselves stay their owners'."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_guilds(self) -> Mapping[int, datetime | None]:
        """Return server → when the bot was found to be removed from it, None where it was not."""

        def job(connection: Connection) -> Mapping[int, datetime | None]:
            return {row.guild_id: row.left_at for row in connection.execute(_SHARED_WITH)}

        return await self._database.read(job)

    async def mark_left(self, guild_ids: Collection[int], *, at: datetime | None) -> None:
        """Store that the bot was removed from servers, or that it is back (None)."""

        def job(connection: Connection) -> None:
            for statement in _SET_LEFT:
                connection.execute(statement, {"guilds": list(guild_ids), "at": at})

        await self._database.write(job)


def delete_left(connection: Connection, *, before: datetime) -> None:
    """Delete what was shared with servers that the bot was removed from by then."""
    for statement in _DELETE_LEFT:
        connection.execute(statement, {"before": before})


def count(connection: Connection, person: int) -> tuple[int, int]:
    """Return how many characters and presets a person has."""
    values = {"person": person}
    return (
        connection.execute(_COUNT_CHARACTERS, values).scalar_one(),
        connection.execute(_COUNT_PRESETS, values).scalar_one(),
    )


def export(connection: Connection, person: int) -> dict[str, Any]:
    """Return a person's characters, presets and choices as JSON values; pictures without their bytes."""
    values = {"person": person}
    pictures: dict[str, list[Any]] = {}
    for row in connection.execute(_PICTURES, values):
        pictures.setdefault(row.character_id, []).append({"name": row.name, "type": row.mime, "size": row.size})
    character_guilds = _group(connection.execute(_CHARACTER_SHARES, values))
    preset_guilds = _group(connection.execute(_PRESET_SHARES, values))
    chosen = connection.execute(_PREFERENCES, values).mappings().first()
    return {
        "characters": [
            {
                "name": row.name,
                "description": row.description,
                "created_at": row.created_at.isoformat(),
                "pictures": pictures.get(row.id, []),
                "shared_with_servers": character_guilds.get(row.id, []),
            }
            for row in connection.execute(_CHARACTERS, values)
        ],
        "presets": [
            {
                "name": row.name,
                "command": row.command,
                "target": row.target,
                "prompt": row.template,
                "fixed": row.fixed,
                "asked": row.asked,
                "created_at": row.created_at.isoformat(),
                "shared_with_servers": preset_guilds.get(row.id, []),
            }
            for row in connection.execute(_PRESETS, values)
        ],
        "preferences": {} if chosen is None else _without_person(chosen),
    }


def erase(connection: Connection, person: int) -> None:
    """Delete all that a person saved and chose; ``forget_uses`` deletes the copies of it in the runs of others."""
    values = {"person": person}
    connection.execute(_DELETE_PREFERENCES, values)
    if connection.execute(_DELETE_PRESETS, values).rowcount:
        notify(connection, Message.COMMANDS)
    connection.execute(_DELETE_CHARACTERS, values)


async def forget_uses(database: Database, owner: int, character_id: str | None = None, *, now: datetime) -> None:
    """Delete what delivered runs hold of a deleted character, or (None) of all characters of an erased person.

    Each page is a transaction of its own: a character that is shared may be in very many runs.
    """
    while await database.write(lambda connection: _forget_page(connection, owner, character_id, now)):
        pass


def _forget_page(connection: Connection, owner: int, character_id: str | None, now: datetime) -> int:
    uses = connection.execute(_USES, {"owner": owner, "character": character_id}).all()
    _forget_runs(connection, [use.run_id for use in uses if not use.is_own], now)
    _forget_own_files(connection, [use.run_id for use in uses if use.is_own], owner)
    return len(uses)


def forget_deleted_uses(connection: Connection, run_id: str, author_id: int, *, now: datetime) -> None:
    """Delete what a run that was just delivered holds of characters that are deleted by now."""
    owners = set(connection.execute(_MISSING, {"run_id": run_id}).scalars())
    if author_id in owners:
        _forget_own_files(connection, [run_id], author_id)
    if owners - {author_id}:
        _forget_runs(connection, [run_id], now)


def _forget_runs(connection: Connection, run_ids: Sequence[str], now: datetime) -> None:
    if not run_ids:
        return
    these = {"run_ids": run_ids}
    connection.execute(_DELETE_FILES, these)
    connection.execute(_CLEAR, {**these, "at": now})
    library.forget_entries(connection, run_ids)
    connection.execute(_DELETE_USES, these)


def _forget_own_files(connection: Connection, run_ids: Sequence[str], owner: int) -> None:
    """Delete the pictures from runs of the character's owner, who keeps their own words."""
    if not run_ids:
        return
    connection.execute(_DELETE_FILES, {"run_ids": run_ids})
    connection.execute(_DELETE_OWN_USES, {"run_ids": run_ids, "owner": owner})


def _group(rows: Any) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for thing, guild_id in rows:
        grouped.setdefault(thing, []).append(guild_id)
    return grouped


def _without_person(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items() if name != "person_id" and value is not None}
