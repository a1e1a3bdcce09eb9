"""The chains that people saved: the commands of their steps, and what each step but the first is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from bot.limits import CHAINS_FOR_EVERYBODY, CHAINS_PER_PERSON
from bot.secrets import mask_secrets
from bot.store.database import Database
from bot.store.tables import chain_runs, saved_chains

_MINE: Final = saved_chains.c.author_id == bindparam("author_id")
_EVERYBODYS: Final = saved_chains.c.for_everybody
_NAMED: Final = saved_chains.c.name == bindparam("name")
# One's own first: of two chains of one name, a person means theirs.
_VISIBLE: Final = select(saved_chains).where(or_(_MINE, _EVERYBODYS)).order_by(_MINE.desc(), saved_chains.c.name)
_NAMES_OF_EVERYBODY: Final = select(func.count()).select_from(saved_chains).where(_EVERYBODYS)
_NAMES_OF_AUTHOR: Final = select(func.count()).select_from(saved_chains).where(_MINE)
_OWN: Final = select(saved_chains).where(_MINE).order_by(saved_chains.c.name)
_DELETE_ALL: Final = delete(saved_chains).where(saved_chains.c.author_id == bindparam("of_author"))
_CLEAR_CANCELED_BY: Final = (
    update(chain_runs).where(chain_runs.c.canceled_by_id == bindparam("of_person")).values(canceled_by_id=None)
)
_FIND_OWN: Final = select(saved_chains.c.name).where(_MINE, _NAMED)
_FIND_EVERYBODYS: Final = select(saved_chains.c.name).where(_EVERYBODYS, _NAMED)
_DELETE_OWN: Final = delete(saved_chains).where(
    saved_chains.c.author_id == bindparam("of_author"), saved_chains.c.name == bindparam("of_name")
)
_DELETE_EVERYBODYS: Final = delete(saved_chains).where(_EVERYBODYS, saved_chains.c.name == bindparam("of_name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedStep:
    """One step: a command, and the inputs of its model that it is always given; a picture comes from the step before.

    The first step has no input of its own: a person is asked for it. ``picture`` is the key of the input for that.
    """

    command: str
    input: Mapping[str, Any]
    picture: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedChain:
    """A chain under the name that its author gave it; ``for_everybody``: an editor offers it to all."""

    author_id: int
    name: str
    steps: tuple[SavedStep, ...]
    for_everybody: bool
    created_at: datetime


class SaveResult(StrEnum):
    """What became of a chain that was to be saved."""

    SAVED = "saved"
    NAME_TAKEN = "name_taken"
    TOO_MANY = "too_many"


class SavedChains:
    """The saved chains, by their author and name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, chain: SavedChain) -> SaveResult:
        """Store a chain, unless its author, or everybody, has one of this name or too many."""
        return await self._database.write(lambda connection: _save(connection, chain))

    async def list_visible(self, author_id: int) -> tuple[SavedChain, ...]:
        """Return a person's chains, then those for everybody, each by name."""
        return await self._database.read(
            lambda connection: tuple(
                _row_to_chain(row) for row in connection.execute(_VISIBLE, {"author_id": author_id})
            )
        )

    async def find(self, author_id: int, name: str) -> SavedChain | None:
        """Return the chain that a person means by a name: theirs, else everybody's."""
        return next((chain for chain in await self.list_visible(author_id) if chain.name == name), None)

    async def delete(self, author_id: int, name: str) -> bool:
        """Delete a person's chain; False if they have none of this name."""
        values = {"of_author": author_id, "of_name": name}
        return await self._database.write(lambda connection: connection.execute(_DELETE_OWN, values).rowcount == 1)

    async def delete_everybodys(self, name: str) -> bool:
        """Delete a chain that is offered to everybody, whoever saved it; False if there is none of this name."""
        return await self._database.write(
            lambda connection: connection.execute(_DELETE_EVERYBODYS, {"of_name": name}).rowcount == 1
        )


def _save(connection: Connection, chain: SavedChain) -> SaveResult:
    values = {"author_id": chain.author_id, "name": chain.name}
    if connection.execute(_FIND_OWN, values).first() is not None:
        return SaveResult.NAME_TAKEN
    if chain.for_everybody and connection.execute(_FIND_EVERYBODYS, values).first() is not None:
        return SaveResult.NAME_TAKEN
    if connection.execute(_NAMES_OF_AUTHOR, values).scalar_one() >= CHAINS_PER_PERSON:
        return SaveResult.TOO_MANY
    if chain.for_everybody and connection.execute(_NAMES_OF_EVERYBODY).scalar_one() >= CHAINS_FOR_EVERYBODY:
        return SaveResult.TOO_MANY
    steps = [{"command": step.command, "input": dict(step.input), "picture": step.picture} for step in chain.steps]
    row = values | {"steps": steps, "for_everybody": chain.for_everybody, "created_at": chain.created_at}
    try:
        with connection.begin_nested():  # of two transactions that have not seen each other, the key stops one
            connection.execute(insert(saved_chains), row)
    except IntegrityError:
        return SaveResult.NAME_TAKEN
    return SaveResult.SAVED


def steps_from_json(steps: Sequence[Mapping[str, Any]]) -> tuple[SavedStep, ...]:
    """Return the steps as the column ``steps`` has them."""
    return tuple(SavedStep(command=step["command"], input=step["input"], picture=step["picture"]) for step in steps)


def _row_to_chain(row: Row[Any]) -> SavedChain:
    return SavedChain(
        author_id=row.author_id,
        name=row.name,
        steps=steps_from_json(row.steps),
        for_everybody=row.for_everybody,
        created_at=row.created_at,
    )


def count_chains(connection: Connection, author_id: int) -> int:
    """Return how many chains a person has saved."""
    count: int = connection.execute(_NAMES_OF_AUTHOR, {"author_id": author_id}).scalar_one()
    return count


def export_chains(connection: Connection, author_id: int) -> dict[str, Any]:
    """Return the chains that a person has saved, as JSON values."""
    rows = connection.execute(_OWN, {"author_id": author_id}).all()
    return {
        "chains": [
            {
                "name": row.name,
                "steps": mask_secrets(row.steps),
                "for_everybody": row.for_everybody,
                "created_at": row.created_at.isoformat(),
            }
            for row in rows
        ]
    }


def erase_chains(connection: Connection, author_id: int) -> None:
    """Delete the chains that a person has saved, and whom a chain in progress was stopped by."""
    connection.execute(_DELETE_ALL, {"of_author": author_id})
    connection.execute(_CLEAR_CANCELED_BY, {"of_person": author_id})
