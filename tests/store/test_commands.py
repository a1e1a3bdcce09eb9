"""Added commands, cached schemas and small values by key."""

from bot.store.commands import CommandRow
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.samples import MIA, T0, after

DRAW = CommandRow(
    name="draw",
    target=f"owner/model:{'9' * 64}",
    description="Draws.",
    added_by=MIA,
    added_at=T0,
)


async def test_commands_are_listed_by_name_unchanged(store: Store) -> None:
    write = CommandRow(name="write", target="owner/words", added_by=None, added_at=after(1))
    await store.commands.save(write)
    await store.commands.save(DRAW)
    assert await store.commands.list_all() == (DRAW, write)


async def test_saving_replaces_the_command_of_this_name(store: Store) -> None:
    await store.commands.save(DRAW)
    changed = CommandRow(name="draw", target="owner/other", added_by=None, added_at=after(1))
    await store.commands.save(changed)
    assert await store.commands.list_all() == (changed,)


async def test_command_is_removed_once(store: Store) -> None:
    await store.commands.save(DRAW)
    assert await store.commands.remove("draw")
    assert not await store.commands.remove("draw")
    assert await store.commands.list_all() == ()


async def test_latest_schema_is_kept(store: Store) -> None:
    assert await store.commands.get_schema("owner/model") is None
    await store.commands.cache_schema("owner/model", {"old": True})
    await store.commands.cache_schema("owner/model", {"openapi": {"x-order": 1, "huge": 2**70}})
    assert await store.commands.get_schema("owner/model") == {"openapi": {"x-order": 1, "huge": 2**70}}
    assert await store.commands.get_schema("owner/other") is None


async def test_key_values_are_json_and_none_deletes(store: Store) -> None:
    assert await store.key_value.get("commands") is None
    await store.key_value.put("commands", "hash")
    await store.key_value.put("commands", {"guild": [1, None]})
    assert await store.key_value.get("commands") == {"guild": [1, None]}
    await store.key_value.put("commands", None)
    assert await store.key_value.get("commands") is None


async def test_commands_and_values_survive_a_restart(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url, clock=clock)
    await store.commands.save(DRAW)
    await store.key_value.put("key", 1)
    await store.commands.cache_schema("owner/model", [1])
    await store.close()
    store = await Store.open(created_url, clock=clock)
    assert await store.commands.list_all() == (DRAW,)
    assert await store.key_value.get("key") == 1
    assert await store.commands.get_schema("owner/model") == [1]
    await store.close()


async def test_of_two_first_values_one_is_kept(store: Store) -> None:
    assert await store.key_value.get_or_put("secret", "one") == "one"
    assert await store.key_value.get_or_put("secret", "two") == "one"
    assert await store.key_value.get("secret") == "one"
