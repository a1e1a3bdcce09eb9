"""The language that a person chose with /me, as the bot has it in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.preferences import NO_PREFERENCES, Preferences
from bot.store.store import Store
from bot.ui.spoken_language import ChosenLanguages
from tests.clock import VirtualClock
from tests.store.databases import database_url
from tests.store.samples import BOB, MIA, T0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(T0)


@pytest.fixture
async def store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    store = await Store.open(database_url(tmp_path), clock=clock, durable=False)
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
