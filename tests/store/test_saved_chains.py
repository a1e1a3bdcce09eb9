"""Chains that people saved: names, bounds, and whose they are."""

from typing import Any

from bot.limits import CHAINS_FOR_EVERYBODY, CHAINS_PER_PERSON
from bot.store.saved_chains import SavedChain, SavedStep, SaveResult
from bot.store.store import Store
from tests.store.samples import BOB, MIA, after


def make_chain(name: str = "poster", **changes: Any) -> SavedChain:
    steps = (SavedStep(command="draw", input={}), SavedStep(command="cutout", input={"scale": 2}, picture="image"))
    values: dict[str, Any] = {
        "author_id": MIA,
        "name": name,
        "steps": steps,
        "for_everybody": False,
        "created_at": after(0),
    }
    return SavedChain(**(values | changes))


async def test_a_saved_chain_is_found_by_its_author(store: Store) -> None:
    assert await store.saved_chains.save(make_chain()) is SaveResult.SAVED
    assert await store.saved_chains.find(MIA, "poster") == make_chain()
    assert await store.saved_chains.find(BOB, "poster") is None


async def test_a_chain_for_everybody_is_found_by_all(store: Store) -> None:
    await store.saved_chains.save(make_chain(for_everybody=True))
    assert await store.saved_chains.find(BOB, "poster") == make_chain(for_everybody=True)


async def test_ones_own_chain_comes_before_everybodys(store: Store) -> None:
    await store.saved_chains.save(make_chain(for_everybody=True))
    await store.saved_chains.save(make_chain(author_id=BOB))
    assert await store.saved_chains.find(BOB, "poster") == make_chain(author_id=BOB)
    assert [one.author_id for one in await store.saved_chains.list_visible(BOB)] == [BOB, MIA]


async def test_a_name_is_used_once(store: Store) -> None:
    await store.saved_chains.save(make_chain(for_everybody=True))
    assert await store.saved_chains.save(make_chain()) is SaveResult.NAME_TAKEN
    assert await store.saved_chains.save(make_chain(author_id=BOB, for_everybody=True)) is SaveResult.NAME_TAKEN


async def test_a_person_saves_only_so_many(store: Store) -> None:
    for number in range(CHAINS_PER_PERSON):
        assert await store.saved_chains.save(make_chain(f"chain{number}")) is SaveResult.SAVED
    assert await store.saved_chains.save(make_chain()) is SaveResult.TOO_MANY
    assert await store.saved_chains.save(make_chain(author_id=BOB)) is SaveResult.SAVED


async def test_everybody_is_offered_only_so_many(store: Store) -> None:
    for number in range(CHAINS_FOR_EVERYBODY):
        await store.saved_chains.save(make_chain(f"chain{number}", for_everybody=True))
    assert await store.saved_chains.save(make_chain(author_id=BOB, for_everybody=True)) is SaveResult.TOO_MANY


async def test_a_chain_is_deleted_by_its_name(store: Store) -> None:
    await store.saved_chains.save(make_chain())
    await store.saved_chains.save(make_chain("sticker", for_everybody=True))
    assert not await store.saved_chains.delete(BOB, "poster")
    assert await store.saved_chains.delete(MIA, "poster")
    assert not await store.saved_chains.delete_everybodys("poster")
    assert await store.saved_chains.delete_everybodys("sticker")
    assert await store.saved_chains.list_visible(MIA) == ()


async def test_erasing_deletes_ones_chains(store: Store) -> None:
    await store.saved_chains.save(make_chain())
    await store.saved_chains.save(make_chain(author_id=BOB))
    assert (await store.runs.count_stored(MIA)).chains == 1
    assert [chain["name"] for chain in (await store.runs.export(MIA))["chains"]] == ["poster"]
    await store.runs.erase(MIA)
    assert await store.saved_chains.list_visible(MIA) == ()
    assert (await store.runs.count_stored(BOB)).chains == 1
