"""Saved presets: a command with inputs that are fixed and inputs that are asked for, and whom they are shared with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from bot.limits import PRESETS_PER_PERSON, PUBLISHED_PER_SERVER, SHARED_PER_SERVER
from bot.store.characters import SaveResult, ShareResult
from bot.store.database import Database
from bot.store.notifications import Message, notify
from bot.store.tables import insert_into, preset_shares, presets

EVERYBODY: Final = 0
"""The server id of a preset that is shared with everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One preset.

    ``command`` and ``target`` are those of the run that it was saved from. ``template`` is the prompt, in which
    ``{prompt}`` stands for the words of each use; None for a model without one. ``fixed`` are inputs by the model's
    keys, ``asked`` the keys of those that are asked for, beside the words of the prompt. ``shares`` maps the servers
    that it is shared with, or EVERYBODY, to whether it is published as a command there.
    """

    id: str
    owner_id: int
    owner_name: str
    name: str
    key: str
    command: str
    target: str
    template: str | None
    fixed: Mapping[str, Any]
    asked: tuple[str, ...]
    created_at: datetime
    shares: Mapping[int, bool]


_COLUMNS: Final = (
    "id", "owner_id", "owner_name", "name", "key", "command", "target", "template", "fixed", "created_at",
)  # fmt: skip

_OF_OWNER: Final = presets.c.owner_id == bindparam("owner_id")
_BY_OWNER: Final = select(presets).where(_OF_OWNER).order_by(presets.c.key)
_OWN_BY_KEY: Final = _BY_OWNER.where(presets.c.key == bindparam("key"))
_BY_ID: Final = select(presets).where(presets.c.id == bindparam("preset_id"))
_SHARED: Final = (
    select(presets)
    .join(preset_shares, preset_shares.c.preset_id == presets.c.id)
    .where(preset_shares.c.guild_id.in_(bindparam("guild_ids", expanding=True)))
    .order_by(preset_shares.c.guild_id.desc(), preset_shares.c.key)
)
_PUBLISHED: Final = (
    select(presets, preset_shares.c.guild_id.label("published_in"))
    .join(preset_shares, preset_shares.c.preset_id == presets.c.id)
    .where(preset_shares.c.published, preset_shares.c.left_at.is_(None))
    .order_by(preset_shares.c.guild_id, preset_shares.c.key)
)
_SHARES: Final = select(preset_shares).where(preset_shares.c.preset_id.in_(bindparam("ids", expanding=True)))
_COUNT: Final = select(func.count()).select_from(presets).where(_OF_OWNER)
_DELETE: Final = delete(presets).where(presets.c.id == bindparam("preset_id"), _OF_OWNER)
_THERE: Final = preset_shares.c.guild_id == bindparam("guild_id")
_COUNT_SHARED: Final = select(func.count()).select_from(preset_shares).where(_THERE)
_COUNT_PUBLISHED: Final = _COUNT_SHARED.where(
    preset_shares.c.published, preset_shares.c.preset_id != bindparam("preset_id")
)
_SHARE: Final = select(preset_shares.c.published).where(preset_shares.c.preset_id == bindparam("preset_id"), _THERE)
_UNSHARE: Final = delete(preset_shares).where(preset_shares.c.preset_id == bindparam("preset_id"), _THERE)


class Presets:
    """The presets in the database. Rights are checked by whoever calls.

    Every process is told of a change of what is published, as of a change of the commands.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, preset: Preset, *, replace: bool) -> SaveResult:
        """Insert a preset; with ``replace``, its owner's with this name is deleted first, with its shares."""
        return await self._database.write(lambda connection: _save(connection, preset, replace=replace))

    async def list_own(self, owner_id: int) -> tuple[Preset, ...]:
        """Return a person's presets, by name."""
        return await self._read(_BY_OWNER, owner_id=owner_id)

    async def list_shared(self, guild_id: int | None) -> tuple[Preset, ...]:
        """Return the presets of a server, then those of everybody, each by name."""
        return await self._read(_SHARED, guild_ids=[EVERYBODY] if guild_id is None else [guild_id, EVERYBODY])

    async def list_usable(self, person_id: int, guild_id: int | None) -> tuple[Preset, ...]:
        """Return what a person can use in a server: their own, the server's, everybody's."""
        own = await self.list_own(person_id)
        ids = {preset.id for preset in own}
        return (*own, *(preset for preset in await self.list_shared(guild_id) if preset.id not in ids))

    async def list_published(self) -> Mapping[int, tuple[Preset, ...]]:
        """Return server → the presets that are commands there."""

        def job(connection: Connection) -> Mapping[int, tuple[Preset, ...]]:
            rows = connection.execute(_PUBLISHED).all()
            by_guild: dict[int, tuple[Preset, ...]] = {}
            for row, preset in zip(rows, _to_presets(connection, rows), strict=True):
                by_guild[row.published_in] = (*by_guild.get(row.published_in, ()), preset)
            return by_guild

        return await self._database.read(job)

    async def get(self, preset_id: str) -> Preset | None:
        return next(iter(await self._read(_BY_ID, preset_id=preset_id)), None)

    async def delete(self, preset_id: str, *, owner_id: int) -> bool:
        """Delete a person's preset everywhere; False if it is not theirs or gone."""

        def job(connection: Connection) -> bool:
            deleted = connection.execute(_DELETE, {"preset_id": preset_id, "owner_id": owner_id}).rowcount == 1
            if deleted:
                notify(connection, Message.COMMANDS)
            return deleted

        return await self._database.write(job)

    async def share(self, preset: Preset, guild_id: int, *, published: bool, at: datetime) -> ShareResult:
        """Let a server, or EVERYBODY, use a preset, or change whether it is a command there."""
        return await self._database.write(
            lambda connection: _share(connection, preset, guild_id, published=published, at=at)
        )

    async def unshare(self, preset_id: str, guild_id: int) -> bool:
        """Take a preset out of a server, or from EVERYBODY; False if it is not shared there."""

        def job(connection: Connection) -> bool:
            removed = connection.execute(_UNSHARE, {"preset_id": preset_id, "guild_id": guild_id}).rowcount == 1
            if removed:
                notify(connection, Message.COMMANDS)
            return removed

        return await self._database.write(job)

    async def _read(self, query: Select[Any], **values: Any) -> tuple[Preset, ...]:
        return await self._database.read(
            lambda connection: _to_presets(connection, connection.execute(query, values).all())
        )


def _save(connection: Connection, preset: Preset, *, replace: bool) -> SaveResult:
    owned = {"owner_id": preset.owner_id}
    existing = connection.execute(_OWN_BY_KEY, {**owned, "key": preset.key}).first()
    if existing is not None:
        if not replace:
            return SaveResult.TAKEN
        connection.execute(_DELETE, {**owned, "preset_id": existing.id})
        notify(connection, Message.COMMANDS)
    elif connection.execute(_COUNT, owned).scalar_one() >= PRESETS_PER_PERSON:
        return SaveResult.TOO_MANY
    row = {name: getattr(preset, name) for name in _COLUMNS}
    try:
        with connection.begin_nested():  # of two transactions that have not seen each other, the index stops one
            connection.execute(insert(presets), {**row, "asked": list(preset.asked)})
    except IntegrityError:
        return SaveResult.TAKEN
    return SaveResult.SAVED if existing is None else SaveResult.REPLACED


def _share(connection: Connection, preset: Preset, guild_id: int, *, published: bool, at: datetime) -> ShareResult:
    values = {"preset_id": preset.id, "guild_id": guild_id}
    if connection.execute(_BY_ID, values).first() is None:
        return ShareResult.GONE
    current = connection.execute(_SHARE, values).first()
    if current is not None and current.published == published:
        return ShareResult.ALREADY_SHARED
    if current is None and connection.execute(_COUNT_SHARED, values).scalar_one() >= SHARED_PER_SERVER:
        return ShareResult.TOO_MANY
    if published and connection.execute(_COUNT_PUBLISHED, values).scalar_one() >= PUBLISHED_PER_SERVER:
        return ShareResult.TOO_MANY
    row = {**values, "key": preset.key, "published": published, "shared_at": at}
    try:
        with connection.begin_nested():
            statement = insert_into(connection, preset_shares).values(row)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["preset_id", "guild_id"], set_={"published": published, "left_at": None}
                )
            )
    except IntegrityError:
        return ShareResult.TAKEN
    notify(connection, Message.COMMANDS)
    return ShareResult.SHARED


def _to_presets(connection: Connection, rows: Iterable[Row[Any]]) -> tuple[Preset, ...]:
    rows = list(rows)
    shares: dict[str, dict[int, bool]] = {row.id: {} for row in rows}
    if rows:
        for share in connection.execute(_SHARES, {"ids": list(shares)}):
            shares[share.preset_id][share.guild_id] = share.published
    return tuple(
        Preset(**{name: getattr(row, name) for name in _COLUMNS}, asked=tuple(row.asked), shares=shares[row.id])
        for row in rows
    )
