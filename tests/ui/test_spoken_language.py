"""The language that a person chose with /me, as the bot has it in memory."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
from babel.messages.pofile import read_po
from discord.ext import commands

from bot import language
from bot.language import _, current_language
from bot.store.preferences import NO_PREFERENCES, Preferences
from bot.store.store import Store
from bot.ui.spoken_language import ChosenLanguages, speak_persons_language
from tests.clock import VirtualClock
from tests.store.databases import create_database
from tests.store.samples import BOB, MIA, T0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(T0)


@pytest.fixture
def database(database_folder: Path) -> str:
    return create_database(database_folder)


@pytest.fixture
async def store(database: str, clock: VirtualClock) -> AsyncIterator[Store]:
    store = await Store.open(database, clock=clock, durable=False)
    yield store
    await store.close()


async def test_choices_are_there_from_the_start(store: Store, clock: VirtualClock) -> None:
    await store.preferences.put(MIA, Preferences(language="de"))
    await store.preferences.put(BOB, Preferences(command="draw"))
    chosen = ChosenLanguages(store.preferences, clock=clock)
    await chosen.load()
    assert [chosen.get(MIA), chosen.get(BOB)] == ["de", None]


async def test_a_new_choice_is_read_when_a_message_tells_of_it(store: Store, clock: VirtualClock) -> None:
    chosen = ChosenLanguages(store.preferences, clock=clock)
    await store.preferences.put(MIA, Preferences(language="ja"))
    await chosen.reload(MIA)
    assert chosen.get(MIA) == "ja"
    await store.preferences.put(MIA, NO_PREFERENCES)
    await chosen.reload(MIA)
    assert chosen.get(MIA) is None


async def test_a_choice_that_no_message_told_of_is_found_later(store: Store, clock: VirtualClock) -> None:
    chosen = ChosenLanguages(store.preferences, clock=clock)
    await chosen.load()
    await store.preferences.put(MIA, Preferences(language="ko"))
    await chosen.catch_up()
    assert chosen.get(MIA) is None
    await clock.advance(601)
    await chosen.catch_up()
    assert chosen.get(MIA) == "ko"


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads in which catalogs are read from now on; none is there yet."""
    found: list[int] = []

    def read(*given: Any, **named: Any) -> Any:
        found.append(threading.get_ident())
        return read_po(*given, **named)

    monkeypatch.setattr(language, "read_po", read)
    monkeypatch.setattr(language, "_loaded", {language.ENGLISH})
    language._load.cache_clear()
    return found


async def test_a_catalog_is_read_in_a_thread_before_an_interaction_is_handled(
    store: Store, clock: VirtualClock, threads: list[int]
) -> None:
    handled: list[tuple[str, str]] = []
    client = commands.AutoShardedBot("!", intents=discord.Intents.none())
    parsers = client._connection.parsers
    parsers["INTERACTION_CREATE"] = lambda _data: handled.append((current_language(), _("Cancel")))
    speak_persons_language(client, ChosenLanguages(store.preferences, clock=clock))
    given = {"user": {"id": "1"}, "locale": "de", "guild_locale": "en-GB"}
    for _number in range(2):  # the second one while the catalog is read
        parsers["INTERACTION_CREATE"](given)
    async with asyncio.timeout(10):
        while len(handled) < 2:
            await asyncio.sleep(0.01)
    parsers["INTERACTION_CREATE"](given)  # at once, from now on
    assert handled == [("de", "Abbrechen")] * 3
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


@dataclass(frozen=True)
class Server:
    preferred_locale: discord.Locale


async def test_a_catalog_is_read_in_a_thread_when_a_server_comes_or_changes(
    store: Store, clock: VirtualClock, threads: list[int]
) -> None:
    client = commands.AutoShardedBot("!", intents=discord.Intents.none())
    speak_persons_language(client, ChosenLanguages(store.preferences, clock=clock))
    french, german = Server(discord.Locale.french), Server(discord.Locale.german)
    for event, servers in (("on_guild_join", (french,)), ("on_guild_update", (french, german))):
        for listener in client.extra_events[event]:
            await listener(*servers)
    assert language.are_loaded("fr", "de")
    assert len(threads) == 2
    assert threading.get_ident() not in threads
