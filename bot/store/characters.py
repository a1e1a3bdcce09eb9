"""Saved characters: a name, a description and pictures, of one person, and the servers that they are shared with."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from bot.limits import CHARACTERS_PER_PERSON, SHARED_PER_SERVER
from bot.media.types import CharacterPicture, Media, MediaKind, MediaType
from bot.store import creations
from bot.store.database import Database
from bot.store.tables import character_pictures, character_shares, characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """One character. ``key`` is its name as it is compared; ``guilds`` are the servers that it is shared with."""

    id: str
    owner_id: int
    owner_name: str
    name: str
    key: str
    description: str
    created_at: datetime
    pictures: tuple[CharacterPicture, ...] = ()
    guilds: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture to be saved, and a small copy of it."""

    media: Media
    thumbnail: Media


class SaveResult(StrEnum):
    """What became of a character or preset that was to be saved."""

    SAVED = "saved"
    REPLACED = "replaced"
    TAKEN = "taken"  # its owner has one of this name
    TOO_MANY = "too many"


class ShareResult(StrEnum):
    """What became of a character or preset that was to be shared."""

    SHARED = "shared"
    ALREADY_SHARED = "already shared"
    TAKEN = "taken"  # somebody else shares one of this name there
    TOO_MANY = "too many"
    GONE = "gone"


_OF_OWNER: Final = characters.c.owner_id == bindparam("owner_id")
_BY_OWNER: Final = select(characters).where(_OF_OWNER).order_by(characters.c.key)
_OWN_BY_KEYS: Final = _BY_OWNER.where(characters.c.key.in_(bindparam("keys", expanding=True)))
_SHARED: Final = (
    select(characters)
    .join(character_shares, character_shares.c.character_id == characters.c.id)
    .where(character_shares.c.guild_id == bindparam("guild_id"))
    .order_by(character_shares.c.key)
)
_SHARED_BY_KEYS: Final = _SHARED.where(character_shares.c.key.in_(bindparam("keys", expanding=True)))
_BY_ID: Final = select(characters).where(characters.c.id == bindparam("character_id"))
_PICTURES: Final = (
    select(
        *(character_pictures.c[name] for name in ("character_id", "number", "name", "mime", "suffix", "kind", "size"))
    )
    .where(character_pictures.c.character_id.in_(bindparam("ids", expanding=True)))
    .order_by(character_pictures.c.character_id, character_pictures.c.number)
)
_SHARES: Final = select(character_shares.c.character_id, character_shares.c.guild_id).where(
    character_shares.c.character_id.in_(bindparam("ids", expanding=True))
)
_DATA: Final = (
    select(character_pictures)
    .where(character_pictures.c.character_id == bindparam("character_id"))
    .order_by(character_pictures.c.number)
)
_THUMBNAILS: Final = select(character_pictures.c.character_id, character_pictures.c.thumbnail).where(
    character_pictures.c.character_id.in_(bindparam("ids", expanding=True)), character_pictures.c.number == 0
)
_COUNT: Final = select(func.count()).select_from(characters).where(_OF_OWNER)
_DELETE: Final = delete(characters).where(characters.c.id == bindparam("character_id"), _OF_OWNER)
_COUNT_SHARED: Final = (
    select(func.count()).select_from(character_shares).where(character_shares.c.guild_id == bindparam("guild_id"))
)
_IS_SHARED: Final = select(character_shares.c.guild_id).where(
    character_shares.c.character_id == bindparam("character_id"), character_shares.c.guild_id == bindparam("guild_id")
)
_UNSHARE: Final = delete(character_shares).where(
    character_shares.c.character_id == bindparam("character_id"), character_shares.c.guild_id == bindparam("guild_id")
)


class Characters:
    """The characters in the database. Rights are checked by whoever calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, character: Character, pictures: Sequence[NewPicture], *, replace: bool) -> SaveResult:
        """Insert a character with its pictures.

        With ``replace``, one of its owner's with this name is deleted first, with what it is shared with: its pictures
        were agreed to be shared, not these.
        """
        return await self._database.write(lambda connection: _save(connection, character, pictures, replace=replace))

    async def list_own(self, owner_id: int) -> tuple[Character, ...]:
        """Return a person's characters, by name."""
        return await self._read(_BY_OWNER, owner_id=owner_id)

    async def list_shared(self, guild_id: int) -> tuple[Character, ...]:
        """Return the characters that are shared with a server, by name."""
        return await self._read(_SHARED, guild_id=guild_id)

    async def list_usable(self, person_id: int, guild_id: int | None) -> tuple[Character, ...]:
        """Return what a person can use in a server: their own, then what is shared with it, each name once."""
        own = await self.list_own(person_id)
        keys = {character.key for character in own}
        shared = () if guild_id is None else await self.list_shared(guild_id)
        return (*own, *(character for character in shared if character.key not in keys))

    async def get(self, character_id: str) -> Character | None:
        return next(iter(await self._read(_BY_ID, character_id=character_id)), None)

    async def find(self, person_id: int, guild_id: int | None, keys: Collection[str]) -> Mapping[str, Character]:
        """Return key → character for the keys that this person may use in this server: their own come first."""

        def job(connection: Connection) -> Mapping[str, Character]:
            found: dict[str, Character] = {}
            if guild_id is not None:
                shared = _select(connection, _SHARED_BY_KEYS, {"guild_id": guild_id, "keys": list(keys)})
                found |= {character.key: character for character in shared}
            own = _select(connection, _OWN_BY_KEYS, {"owner_id": person_id, "keys": list(keys)})
            return found | {character.key: character for character in own}

        return await self._database.read(job)

    async def load_pictures(self, character_id: str) -> tuple[Media, ...]:
        """Return a character's pictures with their bytes."""

        def job(connection: Connection) -> tuple[Media, ...]:
            rows = connection.execute(_DATA, {"character_id": character_id})
            return tuple(Media(row.name, _media_type(row), row.data) for row in rows)

        return await self._database.read(job)

    async def load_thumbnails(self, character_ids: Collection[str]) -> Mapping[str, bytes]:
        """Return id → the small copy (WebP) of the first picture."""

        def job(connection: Connection) -> Mapping[str, bytes]:
            rows = connection.execute(_THUMBNAILS, {"ids": list(character_ids)})
            return {row.character_id: row.thumbnail for row in rows}

        return await self._database.read(job)

    async def delete(self, character_id: str, *, owner_id: int, now: datetime) -> bool:
        """Delete a person's character with its pictures, also from runs; False if it is not theirs."""
        values = {"character_id": character_id, "owner_id": owner_id}
        deleted = await self._database.write(lambda connection: connection.execute(_DELETE, values).rowcount == 1)
        if deleted:
            await creations.forget_uses(self._database, owner_id, character_id, now=now)
        return deleted

    async def share(self, character: Character, guild_id: int, *, at: datetime) -> ShareResult:
        """Let everybody in a server use a character."""
        return await self._database.write(lambda connection: _share(connection, character, guild_id, at))

    async def unshare(self, character_id: str, guild_id: int) -> bool:
        """Take a character out of a server; False if it is not shared there."""
        values = {"character_id": character_id, "guild_id": guild_id}
        return await self._database.write(lambda connection: connection.execute(_UNSHARE, values).rowcount == 1)

    async def _read(self, query: Select[Any], **values: Any) -> tuple[Character, ...]:
        return await self._database.read(lambda connection: _select(connection, query, values))


def _save(connection: Connection, character: Character, pictures: Sequence[NewPicture], *, replace: bool) -> SaveResult:
    owned = {"owner_id": character.owner_id}
    existing = next(iter(_select(connection, _OWN_BY_KEYS, {**owned, "keys": [character.key]})), None)
    if existing is not None:
        if not replace:
            return SaveResult.TAKEN
        connection.execute(_DELETE, {**owned, "character_id": existing.id})
    elif connection.execute(_COUNT, owned).scalar_one() >= CHARACTERS_PER_PERSON:
        return SaveResult.TOO_MANY
    row = {name: getattr(character, name) for name in ("id", "owner_id", "owner_name", "name", "key", "description")}
    try:
        with connection.begin_nested():  # of two transactions that have not seen each other, the index stops one
            connection.execute(insert(characters), {**row, "created_at": character.created_at})
    except IntegrityError:
        return SaveResult.TAKEN
    for number, picture in enumerate(pictures):
        connection.execute(insert(character_pictures), _picture_row(character.id, number, picture))
    return SaveResult.SAVED if existing is None else SaveResult.REPLACED


def _picture_row(character_id: str, number: int, picture: NewPicture) -> Mapping[str, Any]:
    media = picture.media
    row: dict[str, Any] = {"character_id": character_id, "number": number, "name": media.name, "size": media.size}
    row |= {"mime": media.type.mime, "suffix": media.type.suffix, "kind": media.type.kind.value}
    return row | {"data": media.data, "thumbnail": picture.thumbnail.data}


def _share(connection: Connection, character: Character, guild_id: int, at: datetime) -> ShareResult:
    values = {"character_id": character.id, "guild_id": guild_id}
    if connection.execute(_IS_SHARED, values).first() is not None:
        return ShareResult.ALREADY_SHARED
    if connection.execute(_BY_ID, values).first() is None:
        return ShareResult.GONE
    if connection.execute(_COUNT_SHARED, values).scalar_one() >= SHARED_PER_SERVER:
        return ShareResult.TOO_MANY
    try:
        with connection.begin_nested():
            connection.execute(insert(character_shares), {**values, "key": character.key, "shared_at": at})
    except IntegrityError:
        return ShareResult.TAKEN
    return ShareResult.SHARED


def _select(connection: Connection, query: Select[Any], values: Mapping[str, Any]) -> tuple[Character, ...]:
    rows = connection.execute(query, values).all()
    ids = {"ids": [row.id for row in rows]}
    pictures: dict[str, list[Row[Any]]] = {row.id: [] for row in rows}
    guilds: dict[str, list[int]] = {row.id: [] for row in rows}
    if rows:
        for picture in connection.execute(_PICTURES, ids):
            pictures[picture.character_id].append(picture)
        for share in connection.execute(_SHARES, ids):
            guilds[share.character_id].append(share.guild_id)
    return tuple(_to_character(row, pictures[row.id], guilds[row.id]) for row in rows)


def _to_character(row: Row[Any], pictures: Iterable[Row[Any]], guilds: Iterable[int]) -> Character:
    return Character(
        id=row.id,
        owner_id=row.owner_id,
        owner_name=row.owner_name,
        name=row.name,
        key=row.key,
        description=row.description,
        created_at=row.created_at,
        pictures=tuple(
            CharacterPicture(
                name=picture.name,
                type=_media_type(picture),
                size=picture.size,
                character_id=row.id,
                character=row.name,
                number=picture.number,
            )
            for picture in pictures
        ),
        guilds=frozenset(guilds),
    )


def _media_type(row: Row[Any]) -> MediaType:
    return MediaType(row.mime, row.suffix, MediaKind(row.kind))
