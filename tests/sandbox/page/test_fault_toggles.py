"""The switches of the page: what they arm, what they say has happened, and what takes them back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.discord.client_checks import ClientRefused
from sandbox.environment import Environment
from sandbox.page.fault_texts import REPLICATE_TEXTS
from sandbox.page.fault_toggles import FAULT_SETTINGS, FaultToggles
from sandbox.replicate.faults import FAULT_TYPES
from tests.bot_environment import open_environment


@pytest.fixture
async def environment_without_bot(tmp_path: Path) -> AsyncIterator[Environment]:
    async with open_environment(tmp_path) as environment:
        yield environment


@pytest.fixture
async def toggles(environment_without_bot: Environment) -> AsyncIterator[FaultToggles]:
    toggles = FaultToggles(environment_without_bot)
    yield toggles
    await toggles.close()


def test_every_fault_has_a_text_for_people() -> None:
    assert set(REPLICATE_TEXTS) == set(FAULT_TYPES)
    assert set(FAULT_SETTINGS) <= set(FAULT_TYPES)
    for label, description in REPLICATE_TEXTS.values():
        assert label[0].isupper()
        assert description.endswith(".")
        assert "`" not in description


async def test_a_fault_is_counted_when_it_is_met(environment_without_bot: Environment, toggles: FaultToggles) -> None:
    faults = environment_without_bot.replicate.faults
    await toggles.toggle("replicate:no-credit", keep=True)
    assert toggles.armed() == {"replicate:no-credit": None}
    assert toggles.happened() == {}
    for _ in range(2):
        assert faults.trigger("no-credit", "POST /v1/predictions")
    assert toggles.happened()["replicate:no-credit"]["count"] == 2
    toggles.reset()
    assert toggles.armed() == {}
    assert toggles.happened()["replicate:no-credit"]["count"] == 2, "what happened stays said"


async def test_a_second_press_disarms(toggles: FaultToggles) -> None:
    for name in ("replicate:stream-stall", "edits-fail"):
        await toggles.toggle(name, keep=False)
        assert toggles.armed() == {name: 1}
        await toggles.toggle(name, keep=False)
        assert toggles.armed() == {}


async def test_an_action_is_taken_back(environment_without_bot: Environment, toggles: FaultToggles) -> None:
    mia = environment_without_bot.discord.state.user("mia")
    assert "install" not in toggles.undoable()
    await toggles.toggle("install", keep=False)
    assert mia.installed
    assert toggles.undoable()["install"] == "Uninstall it"
    await toggles.undo("install")
    assert not mia.installed
    with pytest.raises(ClientRefused, match="nothing to take back"):
        await toggles.undo("install")
    with pytest.raises(ClientRefused, match="Unknown fault"):
        await toggles.toggle("nothing", keep=False)


async def test_a_bot_that_does_not_run_can_be_started_again(toggles: FaultToggles) -> None:
    assert toggles.undoable()["kill"] == "Start it again"
