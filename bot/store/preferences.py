"""What people chose with /me."""

from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from bot.limits import LANGUAGES_CHOSEN
from bot.store.database import Database
from bot.store.notifications import Message, notify
from bot.store.tables import insert_into, preferences

_OF_PERSON: Final = preferences.c.person_id == bindparam("person")
_SELECT: Final = select(preferences).where(_OF_PERSON)
_DELETE: Final = delete(preferences).where(_OF_PERSON)
_LANGUAGES: Final = (
    select(preferences.c.person_id, preferences.c.language)
    .where(preferences.c.language.is_not(None))
    .order_by(preferences.c.person_id)
    .limit(LANGUAGES_CHOSEN)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """One person's choices; None is as it is for everybody.

    ``command`` is the one that gets a picture where several could. ``visibility`` is that of new runs, ``aspect_ratio``
    that of models that have one, ``language`` a locale of Discord's.
    """

    command: str | None = None
    visibility: str | None = None
    aspect_ratio: str | None = None
    language: str | None = None


NO_PREFERENCES: Final = Preferences()


class PreferenceRows:
    """The choices of everybody, one row a person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, person_id: int) -> Preferences:
        """Return a person's choices."""
        row = await self._database.read(lambda connection: connection.execute(_SELECT, {"person": person_id}).first())
        if row is None:
            return NO_PREFERENCES
        return Preferences(
            command=row.command, visibility=row.visibility, aspect_ratio=row.aspect_ratio, language=row.language
        )

    async def list_languages(self) -> dict[int, str]:
        """Return the languages of the people who chose one, by their ids."""

        def job(connection: Connection) -> dict[int, str]:
            return {row.person_id: row.language for row in connection.execute(_LANGUAGES)}

        return await self._database.read(job)

    async def put(self, person_id: int, chosen: Preferences) -> None:
        """Store a person's choices, and tell every process; one who chose nothing has no row."""

        def job(connection: Connection) -> None:
            notify(connection, Message.PREFERENCES, str(person_id))
            if chosen == NO_PREFERENCES:
                connection.execute(_DELETE, {"person": person_id})
                return
            values = asdict(chosen)
            statement = insert_into(connection, preferences).values(person_id=person_id, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=["person_id"], set_=values))

        await self._database.write(job)
