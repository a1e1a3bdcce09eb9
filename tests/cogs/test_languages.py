"""Languages: a person's in private, a server's on cards, and the one chosen with /me."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.language import _, use_language
from sandbox.discord.state.models import Channel
from sandbox.environment import Environment
from tests.app.conftest import answered, reached
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, private_text
from tests.discord_spec import check_discord_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"COMMANDS": "draw=black-forest-labs/flux-schnell"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    async with open_environment(tmp_path_factory.mktemp("languages"), timings=PACE, settings=SETTINGS) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)


def said(language: str, sentence: str, **values: object) -> str:
    with use_language(language):
        return _(sentence).format(**values).replace("**", "")


async def test_a_refusal_is_the_persons_and_a_card_the_servers(environment: Environment, pictures: Channel) -> None:
    mia = environment.discord.person("mia")
    mia.user.locale = "de"
    refused = await mia.use_command(pictures, "draw", {"prompt": "  "})
    await private_text(refused, said("de", "`{name}` is required.", name="prompt"))
    card = answered(await mia.use_command(pictures, "draw", {"prompt": "a cat"}))
    await reached(environment, lambda: "**Done**" in card.text)
    stopped = await mia.press(card, "Details")
    await private_text(stopped, said("de", "Requested"))


async def test_a_card_that_only_its_author_sees_is_theirs(environment: Environment, pictures: Channel) -> None:
    noah = environment.discord.person("noah")
    noah.user.locale = "fr"
    started = await noah.use_command(pictures, "draw", {"prompt": "a cat", "visibility": "private"})
    await started.wait_for(lambda result: said("fr", "**Done**") in result.text.replace("**", ""))


async def test_me_chooses_another_language_than_discords(environment: Environment, pictures: Channel) -> None:
    olga = environment.discord.person("olga")
    olga.user.locale = "de"
    form = await olga.use_command(pictures, "me")
    assert said("de", "Language") in str(form.modal)
    saved = await olga.submit(form, {said("de", "Language"): "ja"})
    await private_text(saved, said("ja", "Saved. It holds for your next runs."))
    await private_text(await olga.use_command(pictures, "runs list"), said("ja", "Your runs"))
    again = await olga.use_command(pictures, "me")
    await private_text(
        await olga.submit(again, {said("ja", "Language"): []}), said("de", "Saved. It holds for your next runs.")
    )
