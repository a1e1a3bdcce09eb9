"""Which schemas are kept in the database: those of the bot's commands, and no others."""

import pytest
from sqlalchemy import select

from bot.backends.replicate.types import ModelRef
from bot.catalog.resolve import UnknownModel
from bot.limits import MODEL_BYTES
from bot.options.schema import SchemaTooComplex
from bot.settings import CommandSpec
from bot.store.store import Store
from bot.store.tables import schemas
from tests.catalog.conftest import MakeCatalog, Release

TEXT = {"prompt": {"type": "string"}}


def spec(name: str) -> CommandSpec:
    return CommandSpec(name=name, target=ModelRef.parse(f"somebody/{name}"))


async def cached(store: Store) -> set[str]:
    """Return the models whose schemas are in the database."""
    rows = await store.database.read(lambda connection: list(connection.execute(select(schemas.c.target)).scalars()))
    return {ModelRef.parse(target).name for target in rows}


async def test_asking_for_models_stores_nothing(make: MakeCatalog, store: Store, release: Release) -> None:
    catalog = make((spec("own"),))
    release("own", "a", TEXT)
    await catalog.load()
    for number in range(30):
        release(f"other-{number}", "b", TEXT)
        await catalog.resolve_model(ModelRef.parse(f"somebody/other-{number}"))
    assert await cached(store) == {"own"}


async def test_schemas_that_no_command_needs_are_deleted(make: MakeCatalog, store: Store, release: Release) -> None:
    for number in range(30):
        await store.commands.cache_schema(f"somebody/past-{number}:{'c' * 64}", {"schema": {}})
    release("own", "a", TEXT)
    release("added", "b", TEXT)
    catalog = make((spec("own"),))
    await catalog.load()
    assert await cached(store) == {"own"}

    await catalog.add("added", ModelRef.parse("somebody/added"), by=1)
    assert await cached(store) == {"own", "added"}
    await catalog.remove("added")
    assert await cached(store) == {"own"}


async def test_a_commands_schema_is_kept_while_its_model_is_gone(make: MakeCatalog, store: Store) -> None:
    await store.commands.cache_schema("somebody/own", {"description": "", "schema": {"components": {}}})
    catalog = make((spec("own"), spec("gone")))
    await catalog.load()  # Replicate knows neither
    assert await cached(store) == {"own"}


async def test_a_huge_description_is_not_read(make: MakeCatalog, store: Store, release: Release) -> None:
    release("huge", "a", {"prompt": {"type": "string", "description": "x" * MODEL_BYTES}})
    catalog = make((spec("huge"),))
    with pytest.raises(UnknownModel, match="in more than 1 MB, which is too much to read"):
        await catalog.resolve_model(ModelRef.parse("somebody/huge"))
    assert await catalog.load() == ()
    assert list(catalog) == []
    assert await cached(store) == set()


async def test_a_complex_model_is_refused_everywhere(make: MakeCatalog, store: Store, release: Release) -> None:
    release("wide", "a", {f"i{number}": {"type": "string"} for number in range(3000)})
    release("plain", "b", TEXT)
    catalog = make((spec("wide"), spec("plain")))
    assert await catalog.load() == ()
    assert [command.name for command in catalog] == ["plain"]
    for _ in range(2):
        with pytest.raises(SchemaTooComplex):
            await catalog.resolve_model(ModelRef.parse("somebody/wide"))
        with pytest.raises(SchemaTooComplex):
            await catalog.add("other", ModelRef.parse("somebody/wide"), by=1)
    assert await cached(store) == {"plain"}
