"""Characters and their pictures: saved, found, shared, and gone with their owner."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from bot.errors import Refused
from bot.limits import CHARACTERS_PER_PERSON, LEFT_SERVER_KEPT, SHARED_PER_SERVER
from bot.media.types import JPEG, WEBP, Media
from bot.store.characters import Character, NewPicture, SaveResult, ShareResult
from bot.store.preferences import Preferences
from bot.store.presets import EVERYBODY
from bot.store.store import Store
from bot.store.tables import metadata
from tests.characters.samples import make_character
from tests.presets.samples import make_preset
from tests.store.samples import BOB, MIA, PNG, T0, after, cancel_and_deliver, load_files, make_run

GUILD, OTHER_GUILD = 7, 8
PICTURE = NewPicture(Media("me.jpg", JPEG, b"large"), Media("me.webp", WEBP, b"small"))


async def save(store: Store, name: str = "Mia", *, owner_id: int = MIA, replaces: bool = False) -> Character:
    """Save a character with two pictures and return it as it is stored."""
    made = replace(make_character(name, description="red hair"), owner_id=owner_id, id=f"{name}-{owner_id}-{replaces}")
    assert await store.characters.save(made, [PICTURE, PICTURE], replace=replaces) is not SaveResult.TAKEN
    stored = await store.characters.get(made.id)
    assert stored is not None
    return stored


async def run_with(store: Store, character: Character, *, author_id: int, run_id: str = "run-1") -> None:
    run = make_run(
        run_id,
        author_id=author_id,
        prompt="@Mia",
        input={"prompt": "red hair", "subject": "file:0"},
        written={"prompt": "@Mia", "subject": None},
        characters={character.id: character.owner_id},
    )
    await store.runs.reserve(run, character.pictures[:1])


async def deliver(store: Store, run_id: str) -> None:
    await cancel_and_deliver(store.runs, run_id, at=after(1))


async def test_a_character_is_read_back_with_its_pictures(store: Store) -> None:
    saved = await save(store)
    assert (saved.name, saved.key, saved.description, saved.guilds) == ("Mia", "mia", "red hair", frozenset())
    assert [(one.number, one.size, one.character) for one in saved.pictures] == [(0, 5, "Mia"), (1, 5, "Mia")]
    assert await store.characters.load_pictures(saved.id) == (PICTURE.media, PICTURE.media)
    assert await store.characters.load_thumbnails([saved.id, "another"]) == {saved.id: b"small"}


async def test_a_taken_name_is_kept_unless_it_is_replaced(store: Store) -> None:
    first = await save(store)
    again = replace(make_character("MIA"), id="new")
    assert await store.characters.save(again, [PICTURE], replace=False) is SaveResult.TAKEN
    await store.characters.share(first, GUILD, at=T0)
    assert await store.characters.save(again, [PICTURE], replace=True) is SaveResult.REPLACED
    assert await store.characters.get(first.id) is None
    assert await store.characters.list_shared(GUILD) == ()
    assert [one.id for one in await store.characters.list_own(MIA)] == ["new"]


async def test_a_person_has_a_limited_number(store: Store) -> None:
    for number in range(CHARACTERS_PER_PERSON):
        assert await store.characters.save(make_character(f"c{number}"), [], replace=False) is SaveResult.SAVED
    assert await store.characters.save(make_character("one-more"), [], replace=False) is SaveResult.TOO_MANY
    assert await store.characters.save(make_character("c1"), [], replace=True) is SaveResult.REPLACED


async def test_own_characters_come_before_shared_ones(store: Store) -> None:
    bobs = await save(store, owner_id=BOB)
    own = await save(store)
    await store.characters.share(bobs, GUILD, at=T0)
    assert (await store.characters.find(MIA, GUILD, ["mia"]))["mia"].id == own.id
    assert (await store.characters.find(BOB + 1, GUILD, ["mia", "none"]))["mia"].id == bobs.id
    assert await store.characters.find(BOB + 1, OTHER_GUILD, ["mia"]) == {}
    assert await store.characters.find(BOB + 1, None, ["mia"]) == {}
    assert [one.id for one in await store.characters.list_usable(MIA, GUILD)] == [own.id]


async def test_a_name_is_shared_once_in_a_server(store: Store) -> None:
    mine, bobs = await save(store), await save(store, owner_id=BOB)
    assert await store.characters.share(mine, GUILD, at=T0) is ShareResult.SHARED
    assert await store.characters.share(mine, GUILD, at=T0) is ShareResult.ALREADY_SHARED
    assert await store.characters.share(bobs, GUILD, at=T0) is ShareResult.TAKEN
    assert await store.characters.share(bobs, OTHER_GUILD, at=T0) is ShareResult.SHARED
    assert await store.characters.unshare(mine.id, GUILD)
    assert not await store.characters.unshare(mine.id, GUILD)
    assert await store.characters.share(bobs, GUILD, at=T0) is ShareResult.SHARED


async def test_a_server_has_a_limited_number(store: Store) -> None:
    for number in range(SHARED_PER_SERVER):
        made = replace(make_character(f"c{number}"), owner_id=number)
        await store.characters.save(made, [], replace=False)
        await store.characters.share(made, GUILD, at=T0)
    assert await store.characters.share(await save(store), GUILD, at=T0) is ShareResult.TOO_MANY


async def test_only_its_owner_deletes_a_character(store: Store) -> None:
    saved = await save(store)
    assert not await store.characters.delete(saved.id, owner_id=BOB, now=T0)
    assert await store.characters.delete(saved.id, owner_id=MIA, now=T0)
    assert await store.characters.load_pictures(saved.id) == ()
    assert await store.characters.share(saved, GUILD, at=T0) is ShareResult.GONE


async def test_a_run_gets_a_copy_of_the_picture(store: Store) -> None:
    await run_with(store, await save(store), author_id=BOB)
    assert await load_files(store.runs, "run-1") == (PICTURE.media,)
    run = await store.runs.get("run-1")
    assert run is not None
    assert run.written == {"prompt": "@Mia", "subject": None}


async def test_a_run_with_a_deleted_picture_is_refused(store: Store) -> None:
    saved = await save(store)
    await store.characters.delete(saved.id, owner_id=MIA, now=T0)
    with pytest.raises(Refused, match="@Mia was changed or deleted"):
        await run_with(store, saved, author_id=BOB)
    assert await store.runs.get("run-1") is None


async def test_erasing_deletes_it_from_the_runs_of_others(store: Store) -> None:
    saved = await save(store)
    await run_with(store, saved, author_id=BOB, run_id="delivered")
    await deliver(store, "delivered")
    await run_with(store, saved, author_id=BOB, run_id="going")
    await store.runs.reserve(make_run("bobs-own", author_id=BOB), (PNG,))
    await store.runs.erase(MIA)
    assert await store.characters.get(saved.id) is None
    delivered = await store.runs.get("delivered")
    assert delivered is not None
    assert (delivered.input, delivered.prompt, delivered.written, delivered.characters) == ({}, None, {}, {})
    assert delivered.forgotten_at is not None
    assert await load_files(store.runs, "delivered") == ()
    assert len(await load_files(store.runs, "going")) == 1
    await deliver(store, "going")
    assert await load_files(store.runs, "going") == ()
    assert len(await load_files(store.runs, "bobs-own")) == 1


async def test_nothing_of_an_erased_person_is_left(store: Store) -> None:
    saved = await save(store)
    await store.characters.share(saved, GUILD, at=T0)
    await store.presets.save(make_preset(), replace=False)
    await store.presets.share(make_preset(), EVERYBODY, published=False, at=T0)
    await store.preferences.put(MIA, Preferences(aspect_ratio="16:9"))
    await run_with(store, saved, author_id=BOB)
    await deliver(store, "run-1")
    await store.runs.erase(MIA)

    def find_traces(connection: Connection) -> list[str]:
        rows = [str(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
        return [row for row in rows if str(MIA) in row or "red hair" in row or "watercolor" in row]

    assert await store.database.read(find_traces) == []


async def test_a_character_of_many_runs_is_deleted_from_all(store: Store) -> None:
    saved = await save(store)
    run_ids = [f"run-{number}" for number in range(450)]
    await asyncio.gather(*(run_with(store, saved, author_id=BOB, run_id=run_id) for run_id in run_ids))
    await asyncio.gather(*(deliver(store, run_id) for run_id in run_ids))
    await store.characters.delete(saved.id, owner_id=MIA, now=T0)
    assert {run.forgotten_at is None for run in await store.runs.list_recent(BOB, limit=500)} == {False}


async def test_a_deleted_picture_is_left_in_no_own_run(store: Store) -> None:
    saved, other = await save(store), await save(store, "Bea")
    await run_with(store, saved, author_id=MIA, run_id="delivered")
    await run_with(store, other, author_id=MIA, run_id="with-another")
    await deliver(store, "delivered")
    await deliver(store, "with-another")
    await run_with(store, saved, author_id=MIA, run_id="going")
    await store.characters.delete(saved.id, owner_id=MIA, now=T0)
    assert await load_files(store.runs, "delivered") == ()
    assert len(await load_files(store.runs, "going")) == 1
    await deliver(store, "going")
    assert await load_files(store.runs, "going") == ()
    assert len(await load_files(store.runs, "with-another")) == 1


async def test_owners_keep_their_words_without_the_character(store: Store) -> None:
    saved = await save(store)
    await run_with(store, saved, author_id=MIA)
    await deliver(store, "run-1")
    await store.characters.delete(saved.id, owner_id=MIA, now=T0)
    run = await store.runs.get("run-1")
    assert run is not None
    assert (run.prompt, run.written, run.forgotten_at) == ("@Mia", {"prompt": "@Mia", "subject": None}, None)


async def test_forgotten_prompts_take_what_was_written_along(store: Store) -> None:
    await run_with(store, await save(store), author_id=MIA)
    await deliver(store, "run-1")
    await store.runs.delete_expired(after(10_000), prompts_for=timedelta(seconds=1))
    run = await store.runs.get("run-1")
    assert run is not None
    assert run.written == {}
    assert await store.runs.list_prompts(MIA, limit=9) == {}


async def test_shares_outlive_a_removal_of_the_bot_for_a_while(store: Store) -> None:
    saved = await save(store)
    await store.characters.share(saved, GUILD, at=T0)
    await store.shares.mark_left([GUILD], at=T0)
    assert await store.shares.list_guilds() == {GUILD: T0}
    await store.runs.delete_expired(T0 + LEFT_SERVER_KEPT - timedelta(seconds=1))
    assert await store.characters.list_shared(GUILD)
    await store.shares.mark_left([GUILD], at=None)
    await store.runs.delete_expired(T0 + 2 * LEFT_SERVER_KEPT)
    assert await store.characters.list_shared(GUILD)
    await store.shares.mark_left([GUILD], at=T0)
    await store.runs.delete_expired(T0 + LEFT_SERVER_KEPT)
    assert await store.characters.list_shared(GUILD) == ()
    assert await store.characters.get(saved.id) is not None


async def test_characters_are_counted_and_exported(store: Store) -> None:
    saved = await save(store)
    await store.characters.share(saved, GUILD, at=T0)
    assert (await store.runs.count_stored(MIA)).characters == 1
    assert (await store.runs.export(MIA))["characters"] == [
        {
            "name": "Mia",
            "description": "red hair",
            "created_at": "2026-01-01T00:00:00+00:00",
            "pictures": [{"name": "me.jpg", "type": "image/jpeg", "size": 5}] * 2,
            "shared_with_servers": [GUILD],
        }
    ]
    assert (await store.runs.export(BOB))["characters"] == []


async def test_last_prompts_are_own_newest_first_and_once(store: Store) -> None:
    for number, prompt in enumerate(("a", "b", "a", None)):
        await store.runs.reserve(make_run(f"run-{number}", prompt=prompt, created_at=after(number)))
    await store.runs.reserve(make_run("bobs", author_id=BOB, prompt="c"))
    assert await store.runs.list_prompts(MIA, limit=9) == {"run-2": "a", "run-1": "b"}
    assert await store.runs.list_prompts(MIA, limit=1) == {"run-2": "a"}
