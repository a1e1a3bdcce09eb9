"""Presets and choices of /me: saved, shared, published, and gone with their owner."""

from bot.limits import PRESETS_PER_PERSON, PUBLISHED_PER_SERVER
from bot.store.characters import SaveResult, ShareResult
from bot.store.preferences import NO_PREFERENCES, Preferences
from bot.store.presets import EVERYBODY
from bot.store.store import Store
from tests.presets.samples import make_preset
from tests.store.samples import BOB, MIA, T0

GUILD = 7


async def test_a_preset_is_read_back_unchanged(store: Store) -> None:
    assert await store.presets.save(make_preset(), replace=False) is SaveResult.SAVED
    assert await store.presets.get("id-Water") == make_preset()
    assert await store.presets.list_own(MIA) == (make_preset(),)
    assert await store.presets.list_own(BOB) == ()


async def test_a_taken_name_is_kept_unless_it_is_replaced(store: Store) -> None:
    await store.presets.save(make_preset(), replace=False)
    again = make_preset("WATER", fixed={})
    assert await store.presets.save(again, replace=False) is SaveResult.TAKEN
    assert await store.presets.save(again, replace=True) is SaveResult.REPLACED
    assert await store.presets.list_own(MIA) == (again,)


async def test_a_person_has_a_limited_number(store: Store) -> None:
    for number in range(PRESETS_PER_PERSON):
        await store.presets.save(make_preset(f"p{number}"), replace=False)
    assert await store.presets.save(make_preset(), replace=False) is SaveResult.TOO_MANY


async def test_presets_are_usable_where_they_are_shared(store: Store) -> None:
    for name in ("a", "b", "c"):
        await store.presets.save(make_preset(name), replace=False)
    await store.presets.share(make_preset("a"), EVERYBODY, published=False, at=T0)
    await store.presets.share(make_preset("b"), GUILD, published=False, at=T0)
    assert [one.name for one in await store.presets.list_usable(BOB, GUILD)] == ["b", "a"]
    assert [one.name for one in await store.presets.list_usable(BOB, None)] == ["a"]
    assert [one.name for one in await store.presets.list_usable(MIA, GUILD)] == ["a", "b", "c"]
    assert await store.presets.unshare("id-b", GUILD)
    assert [one.name for one in await store.presets.list_usable(BOB, GUILD)] == ["a"]


async def test_a_name_is_shared_once_in_a_server(store: Store) -> None:
    bobs = make_preset("water", owner_id=BOB, id="bobs")
    await store.presets.save(make_preset(), replace=False)
    await store.presets.save(bobs, replace=False)
    assert await store.presets.share(make_preset(), GUILD, published=False, at=T0) is ShareResult.SHARED
    assert await store.presets.share(make_preset(), GUILD, published=False, at=T0) is ShareResult.ALREADY_SHARED
    assert await store.presets.share(bobs, GUILD, published=False, at=T0) is ShareResult.TAKEN


async def test_published_presets_are_listed_by_server(store: Store) -> None:
    await store.presets.save(make_preset(), replace=False)
    await store.presets.share(make_preset(), GUILD, published=False, at=T0)
    assert await store.presets.list_published() == {}
    assert await store.presets.share(make_preset(), GUILD, published=True, at=T0) is ShareResult.SHARED
    published = await store.presets.list_published()
    assert {guild: [one.name for one in presets] for guild, presets in published.items()} == {GUILD: ["Water"]}
    await store.shares.mark_left([GUILD], at=T0)
    assert await store.presets.list_published() == {}


async def test_a_server_publishes_a_limited_number(store: Store) -> None:
    for number in range(PUBLISHED_PER_SERVER):
        await store.presets.save(make_preset(f"p{number}"), replace=False)
        await store.presets.share(make_preset(f"p{number}"), GUILD, published=True, at=T0)
    await store.presets.save(make_preset(), replace=False)
    assert await store.presets.share(make_preset(), GUILD, published=True, at=T0) is ShareResult.TOO_MANY
    assert await store.presets.share(make_preset(), GUILD, published=False, at=T0) is ShareResult.SHARED


async def test_presets_and_choices_are_exported_and_erased(store: Store) -> None:
    await store.presets.save(make_preset(), replace=False)
    await store.presets.share(make_preset(), GUILD, published=True, at=T0)
    await store.preferences.put(MIA, Preferences(aspect_ratio="16:9"))
    exported = await store.runs.export(MIA)
    assert [(one["name"], one["fixed"], one["shared_with_servers"]) for one in exported["presets"]] == [
        ("Water", {"seed": 7}, [GUILD])
    ]
    assert exported["preferences"] == {"aspect_ratio": "16:9"}
    assert (await store.runs.count_stored(MIA)).presets == 1
    await store.runs.erase(MIA)
    assert await store.presets.list_own(MIA) == ()
    assert await store.presets.list_published() == {}
    assert await store.preferences.get(MIA) == NO_PREFERENCES


async def test_choices_are_replaced_and_taken_back(store: Store) -> None:
    await store.preferences.put(MIA, Preferences(command="draw", visibility="private"))
    await store.preferences.put(MIA, Preferences(language="de"))
    await store.preferences.put(BOB, Preferences(command="draw"))
    assert await store.preferences.get(MIA) == Preferences(language="de")
    assert await store.preferences.list_languages() == {MIA: "de"}
    await store.preferences.put(MIA, NO_PREFERENCES)
    assert (await store.runs.export(MIA))["preferences"] == {}
