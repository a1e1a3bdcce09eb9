"""Pages of the library, what is found by words, and favourites; on both databases."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.media.types import MediaKind
from bot.store.gallery import GalleryRules
from bot.store.library import LibraryQuery
from bot.store.models import RunOutput, RunState
from bot.store.store import Store
from bot.visibility import Visibility
from tests.clock import VirtualClock
from tests.store.databases import sqlite_only
from tests.store.files import read_bytes, read_folder
from tests.store.samples import BOB, MIA, T0, after, make_run

PICTURE = b"a small picture"


def outputs_of(run_id: str, *, count: int = 1, mime: str = "image/webp", message_id: int = 70) -> list[RunOutput]:
    return [
        RunOutput(
            run_id=run_id,
            number=number,
            name=f"generate-{number:02}.webp",
            mime=mime,
            size=1000,
            width=64,
            height=64,
            message_id=message_id,
            attachment_id=500 + number,
        )
        for number in range(1, count + 1)
    ]


async def deliver(
    store: Store, run_id: str, outputs: Sequence[RunOutput] | None = None, output: Any = None, **changes: Any
) -> None:
    """Store a run that has ended, with its pictures."""
    run = make_run(run_id, **changes)
    await store.runs.reserve(run, ())
    await store.runs.mark_sent(run.id, at=T0, webhook=None)
    await store.runs.mark_submitted(run.id, prediction_id=f"prediction-{run.id}")
    await store.runs.mark_ended(run.id, state=RunState.SUCCEEDED, at=T0, output=output or ["https://r.example/1.webp"])
    given = outputs_of(run_id, message_id=run.place.message_id) if outputs is None else outputs
    assert await store.runs.mark_delivered(run.id, at=T0, outputs=given)


async def found(store: Store, **query: Any) -> list[str]:
    """Return the runs on a page."""
    page = await store.library.list_page(LibraryQuery(user_id=MIA, **query))
    return [entry.run_id for entry in page.entries]


async def test_a_page_has_own_results_newest_first(store: Store) -> None:
    for number in range(12):
        await deliver(store, f"run-{number:02}")
    await deliver(store, "bobs", author_id=BOB)
    first = await store.library.list_page(LibraryQuery(user_id=MIA))
    assert [entry.run_id for entry in first.entries] == [f"run-{number:02}" for number in range(11, 2, -1)]
    assert (first.has_newer, first.has_older) == (False, True)
    second = await store.library.list_page(LibraryQuery(user_id=MIA, before=first.entries[-1].number))
    assert [entry.run_id for entry in second.entries] == ["run-02", "run-01", "run-00"]
    assert (second.has_newer, second.has_older) == (True, False)
    back = await store.library.list_page(LibraryQuery(user_id=MIA, after=second.entries[0].number))
    assert back.entries == first.entries
    assert (back.has_newer, back.has_older) == (False, True)


async def test_an_entry_says_what_is_needed_to_show_it(store: Store) -> None:
    await deliver(store, "run-1", prompt="a cat in the rain")
    await store.library.save_thumbnail("run-1", PICTURE)
    entry = await store.library.get_entry("run-1", MIA)
    run = await store.runs.get("run-1")
    assert entry is not None
    assert run is not None
    assert (entry.command, entry.kind, entry.prompt) == ("generate", MediaKind.IMAGE, "a cat in the rain")
    assert (entry.thumbnail, entry.is_favourite, entry.deleted_at) == (PICTURE, False, None)
    assert (entry.guild_id, entry.channel_id, entry.message_id) == (2, 3, run.place.message_id)


async def test_runs_without_a_result_have_no_entry(store: Store) -> None:
    await store.runs.reserve(make_run("nothing"), ())
    await store.runs.mark_ended("nothing", state=RunState.FAILED, at=T0, failure="It failed.")
    await store.runs.mark_delivered("nothing", at=T0)
    assert await found(store) == []


async def test_a_run_whose_message_was_deleted_has_no_entry(store: Store) -> None:
    await store.runs.reserve(make_run("run-1"), ())
    await store.runs.mark_ended("run-1", state=RunState.CANCELED, at=T0, output=["https://r.example/1.webp"])
    assert await store.runs.mark_delivered("run-1", at=T0, shown=False)
    assert await found(store) == []


async def test_kinds_commands_and_servers_filter(store: Store) -> None:
    await deliver(store, "image")
    await deliver(store, "video", outputs_of("video", mime="video/mp4"), command="clip")
    await deliver(store, "text", [], output=["Once ", "upon a time"], command="talk")
    await deliver(store, "link", [], output="https://r.example/weights.tar", command="train")
    there = make_run()
    await deliver(store, "there", place=replace(there.place, guild_id=9, message_id=99))
    assert await found(store, kinds=frozenset({MediaKind.VIDEO})) == ["video"]
    assert await found(store, kinds=frozenset({MediaKind.TEXT, MediaKind.OTHER})) == ["link", "text"]
    assert await found(store, command="clip") == ["video"]
    assert await found(store, guild_id=9) == ["there"]
    assert await found(store, guild_id=2, command="generate", kinds=frozenset({MediaKind.IMAGE})) == ["image"]
    assert await store.library.list_commands(MIA, limit=25) == ("clip", "generate", "talk", "train")
    assert await store.library.list_commands(MIA, limit=2) == ("clip", "generate")
    assert await store.library.list_commands(BOB, limit=25) == ()


async def test_words_of_the_prompt_find_a_result(store: Store) -> None:
    await deliver(store, "cat", prompt="A Cat in the rain, Café de Flore")
    await deliver(store, "dog", prompt="a dog in the sun")
    await deliver(store, "none", prompt=None)
    await deliver(store, "bobs", author_id=BOB, prompt="a cat of Bob's")
    assert await found(store, words="cat") == ["cat"]
    assert await found(store, words="RAIN cat") == ["cat"]
    assert await found(store, words="cafe flor") == ["cat"]
    assert await found(store, words="in the") == ["dog", "cat"]
    assert await found(store, words="cat sun") == []
    assert await found(store, words="in", before=await number_of(store, "dog")) == ["cat"]


async def test_what_is_searched_for_is_words_and_no_query(store: Store) -> None:
    await deliver(store, "cat", prompt='a "quoted" cat AND a dog')
    hostile = [
        '"',
        "cat OR dog",
        "cat*",
        "NOT cat",
        "words:cat",
        "cat)",
        "cat & !dog",
        "'; DROP TABLE runs",
        "\\",
        "a-b",
    ]
    for words in hostile:
        await found(store, words=words)
    assert await found(store, words='"quoted') == ["cat"]
    assert await found(store, words="cat AND dog") == ["cat"]
    assert await found(store, words="cat OR bird") == []
    assert await found(store, words="…!?") == ["cat"]  # no word at all leaves nothing out


async def test_a_prompt_cannot_put_a_result_into_another_library(store: Store) -> None:
    await deliver(store, "bobs", author_id=BOB, prompt=f"by{MIA} cat")
    assert await found(store, words="cat") == []


async def test_favourites_are_own_and_those_of_others(store: Store) -> None:
    await deliver(store, "mine", prompt="a cat")
    await deliver(store, "other", prompt="a cat")
    await deliver(store, "bobs", author_id=BOB, prompt="a cat in Bob's garden")
    for run_id in ("mine", "bobs"):
        assert (await store.library.set_favourite(run_id, MIA, on=True)).changed
    assert not (await store.library.set_favourite("mine", MIA, on=True)).changed
    assert await found(store, favourites=True) == ["bobs", "mine"]
    assert await found(store, favourites=True, words="garden") == ["bobs"]
    assert await found(store, favourites=True, words="cat", command="generate") == ["bobs", "mine"]
    assert (await store.library.set_favourite("bobs", MIA, on=False)).changed
    assert await found(store, favourites=True) == ["mine"]


async def test_a_private_result_is_nobody_elses_favourite(store: Store) -> None:
    await deliver(store, "bobs", author_id=BOB, visibility=Visibility.PRIVATE)
    assert (await store.library.set_favourite("bobs", MIA, on=True)).missing
    assert await store.library.get_entry("bobs", MIA) is None
    assert (await store.library.set_favourite("bobs", BOB, on=True)).changed


async def test_favourites_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.library.FAVOURITES", 2)
    for number in range(3):
        await deliver(store, f"run-{number}")
    starred = [await store.library.set_favourite(f"run-{number}", MIA, on=True) for number in range(3)]
    assert [one.full for one in starred] == [False, False, True]
    assert await found(store, favourites=True) == ["run-1", "run-0"]


async def test_a_deleted_message_takes_its_thumbnail(store: Store) -> None:
    run = make_run("run-1")
    outputs = [
        *outputs_of("run-1", message_id=run.place.message_id),
        replace(outputs_of("run-1")[0], number=2, message_id=71),
    ]
    await store.runs.reserve(run, ())
    await store.runs.mark_message_sent("run-1", 1, 71)
    await store.runs.mark_ended("run-1", state=RunState.CANCELED, at=T0)
    await store.runs.mark_delivered("run-1", at=T0, outputs=outputs)
    await store.library.save_thumbnail("run-1", PICTURE)
    assert await store.library.mark_message_deleted(71)
    entry = await store.library.get_entry("run-1", MIA)
    assert entry is not None
    assert (entry.thumbnail, entry.deleted_at) == (None, None)  # it is made anew of what is left
    await store.library.save_thumbnail("run-1", PICTURE)
    assert await store.library.mark_message_deleted(run.place.message_id)
    entry = await store.library.get_entry("run-1", MIA)
    assert entry is not None
    assert (entry.thumbnail, entry.deleted_at) == (None, T0)
    assert all(output.removed_at == T0 for output in await store.runs.list_outputs("run-1"))
    await store.library.save_thumbnail("run-1", PICTURE)  # one that was being made comes too late
    entry = await store.library.get_entry("run-1", MIA)
    assert entry is not None
    assert entry.thumbnail is None
    assert not await store.library.mark_message_deleted(4711)
    assert await store.library.find_messages([4711, 71, run.place.message_id]) == (run.place.message_id, 71)


async def test_a_result_deleted_with_the_bot_is_gone(store: Store) -> None:
    """Discord tells of the message before the deletion is recorded, or after."""
    for run_id in ("told-before", "told-after"):
        await deliver(store, run_id)
        await store.library.set_favourite(run_id, BOB, on=True)
        assert await store.results.request_deletion(run_id)
    before, after_it = await store.runs.get("told-before"), await store.runs.get("told-after")
    assert before is not None
    assert after_it is not None
    await store.library.mark_message_deleted(before.place.message_id)
    assert await found(store) == ["told-after"]
    assert await store.results.mark_deleted("told-before")
    assert await store.results.mark_deleted("told-after")
    await store.library.mark_message_deleted(after_it.place.message_id)
    assert await found(store) == []
    assert (await store.library.list_page(LibraryQuery(user_id=BOB, favourites=True))).entries == ()


async def test_a_result_without_its_last_file_is_gone(store: Store) -> None:
    await deliver(store, "run-1")
    assert await store.results.request_removal("run-1", 1)
    assert await store.results.mark_removed("run-1", 1)
    assert await found(store) == []


async def test_the_content_of_a_favourite_does_not_expire(store: Store) -> None:
    for run_id in ("kept", "liked", "gone"):
        await deliver(store, run_id, prompt=f"a cat called {run_id}")
        await store.library.save_thumbnail(run_id, PICTURE)
    await store.library.set_favourite("kept", MIA, on=True)
    await store.library.set_favourite("liked", BOB, on=True)
    await store.runs.delete_expired(after(100), prompts_for=after(50) - T0)
    assert await found(store, words="cat") == ["kept"]
    assert await found(store) == ["liked", "kept"]  # what somebody else likes stays for them, without its words
    kept, liked = await store.runs.get("kept"), await store.runs.get("liked")
    assert kept is not None
    assert liked is not None
    assert (kept.prompt, liked.prompt) == ("a cat called kept", None)
    entry = await store.library.get_entry("liked", BOB)
    assert entry is not None
    assert entry.thumbnail == PICTURE


RULES = GalleryRules(guild_id=2, channel_id=50, stars=2)


async def star(store: Store, run_id: str, *users: int) -> list[bool]:
    """Give a ⭐ by each; return after which a copy was due."""
    return [(await store.library.set_favourite(run_id, user, on=True, rules=RULES)).is_due for user in users]


async def test_enough_stars_by_others_make_one_copy(store: Store) -> None:
    await deliver(store, "run-1")
    assert await star(store, "run-1", MIA, 1, 2, 3) == [False, False, True, False]
    [post] = await store.gallery.list_unsent(limit=9)
    assert (post.run_id, post.guild_id, post.channel_id, post.stars) == ("run-1", 2, 50, 3)
    assert await store.gallery.mark_sending("run-1")
    assert not await store.gallery.mark_sending("run-1")
    assert await store.gallery.mark_sent("run-1", 700, stars=3)
    assert not await store.gallery.mark_sent("run-1", 701, stars=3)
    assert await store.gallery.find_run(700) == "run-1"
    assert await store.gallery.list_unsent(limit=9) == ()
    await store.library.set_favourite("run-1", 3, on=False, rules=RULES)
    [outdated] = await store.gallery.list_outdated(limit=9)
    assert outdated.stars == 2
    assert await store.gallery.mark_shown("run-1", stars=2)
    assert await store.gallery.list_outdated(limit=9) == ()


async def test_of_many_stars_at_once_one_brings_the_copy(store: Store) -> None:
    await deliver(store, "run-1")
    rules = replace(RULES, stars=5)
    given = [store.library.set_favourite("run-1", user, on=True, rules=rules) for user in range(1, 10)]
    assert [one.is_due for one in await asyncio.gather(*given)].count(True) == 1
    [post] = await store.gallery.list_unsent(limit=9)
    assert post.stars == 9


async def number_of(store: Store, run_id: str) -> int:
    entry = await store.library.get_entry(run_id, MIA)
    assert entry is not None
    return entry.number


async def test_no_copy_where_the_author_said_no(store: Store) -> None:
    await deliver(store, "run-1")
    consent = await store.gallery.get_consent(MIA)
    assert (consent.copies, consent.prompts) == (True, False)
    await store.gallery.set_consent(MIA, replace(consent, copies=False))
    assert await star(store, "run-1", 1, 2, 3) == [False, False, False]


async def test_no_copy_of_texts_private_results_or_other_servers(store: Store) -> None:
    await deliver(store, "text", [], output="words")
    await deliver(store, "there", place=replace(make_run().place, guild_id=9, message_id=99))
    await deliver(store, "video", outputs_of("video", mime="video/mp4"))
    for run_id in ("text", "there", "video"):
        assert await star(store, run_id, 1, 2, 3) == [False, False, False]


async def test_a_no_removes_the_copies_that_are_there(store: Store) -> None:
    await deliver(store, "run-1")
    await star(store, "run-1", 1, 2)
    await store.gallery.mark_sending("run-1")
    await store.gallery.mark_sent("run-1", 700, stars=2)
    await store.gallery.set_consent(MIA, replace(await store.gallery.get_consent(MIA), copies=False))
    [removal] = await store.gallery.list_removals(limit=9)
    assert (removal.guild_id, removal.channel_id, removal.message_id) == (2, 50, 700)
    assert await store.gallery.find_run(700) is None
    await store.gallery.mark_removed(removal.number)
    assert await store.gallery.list_removals(limit=9) == ()


async def test_a_copy_goes_with_its_result(store: Store) -> None:
    run = make_run("run-1")
    await deliver(store, "run-1")
    await star(store, "run-1", 1, 2)
    await store.gallery.mark_sending("run-1")  # the bot is killed here: it may have been sent
    await store.library.mark_message_deleted(run.place.message_id)
    [removal] = await store.gallery.list_removals(limit=9)
    assert (removal.message_id, removal.original) == (None, f"2/3/{run.place.message_id}")
    assert not await store.gallery.mark_sent("run-1", 700, stars=2)


async def test_a_copy_that_was_never_sent_needs_no_removal(store: Store) -> None:
    await deliver(store, "run-1")
    await star(store, "run-1", 1, 2)
    await store.runs.erase(MIA)
    assert await store.gallery.list_removals(limit=9) == ()
    assert await store.gallery.list_unsent(limit=9) == ()


async def test_a_copy_deleted_by_hand_is_left_alone(store: Store) -> None:
    await deliver(store, "run-1")
    await star(store, "run-1", 1, 2)
    await store.gallery.mark_sending("run-1")
    await store.gallery.mark_sent("run-1", 700, stars=2)
    assert await store.library.mark_message_deleted(700)
    assert await star(store, "run-1", 3) == [False]
    assert await store.gallery.list_outdated(limit=9) == ()
    assert await store.library.get_entry("run-1", MIA) is not None


@sqlite_only
async def test_erased_words_are_overwritten_in_the_file(
    created_url: str, database_folder: Path, clock: VirtualClock
) -> None:
    """FTS5 only adds to its index: a word of a deleted row stays in the file until its parts are merged."""
    store = await Store.open(created_url, clock=clock)
    for number in range(40):
        await deliver(store, f"run-{number}", prompt=f"unmistakable{number} walruses")
    await deliver(store, "bobs", author_id=BOB, prompt="a zebra")
    await store.close()
    assert b"walruses" in read_bytes(database_folder / "replicord.db")
    store = await Store.open(created_url, clock=clock)
    await store.runs.erase(MIA)
    page = await store.library.list_page(LibraryQuery(user_id=BOB, words="zebra"))
    assert [entry.run_id for entry in page.entries] == ["bobs"]
    left = read_folder(database_folder)  # while the bot runs, with the log of changes beside the file
    await store.close()
    for written in (left, read_folder(database_folder)):
        assert b"walruses" not in written
        assert b"unmistakable" not in written
        assert f"by{MIA}".encode() not in written
        assert b"zebra" in written


@sqlite_only
async def test_a_reader_delays_the_end_of_erased_words(
    store: Store, database_folder: Path, clock: VirtualClock
) -> None:
    await deliver(store, "mias", prompt="unmistakable walruses")
    with closing(sqlite3.connect(database_folder / "replicord.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        erasing = asyncio.create_task(store.runs.erase(MIA))
        while not clock.sleepers:
            await asyncio.sleep(0.001)
        await deliver(store, "bobs", author_id=BOB, prompt="a zebra")  # nobody waits with it
        assert b"walruses" in read_folder(database_folder)
    while not erasing.done():
        await clock.advance(0.1)
    assert b"walruses" not in read_folder(database_folder)


@sqlite_only
async def test_what_a_long_reader_kept_goes_within_the_hour(
    store: Store, database_folder: Path, clock: VirtualClock
) -> None:
    await deliver(store, "mias", prompt="unmistakable walruses")
    with closing(sqlite3.connect(database_folder / "replicord.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        erasing = asyncio.create_task(store.runs.erase(MIA))
        while not erasing.done():
            await clock.advance(0.1)
    assert (await erasing).deleted == 1
    assert b"walruses" in read_folder(database_folder)
    await store.runs.delete_expired(clock.now())  # which is done every hour
    assert b"walruses" not in read_folder(database_folder)
