"""A model on a real Cog server, behind the whole bot: what breaks there costs no result and nothing twice."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from sandbox.cog.server import CogServer, is_cog_installed
from sandbox.discord.state.models import Message
from sandbox.loopback import find_free_port
from tests.faults.conftest import running_bot
from tests.faults.environment import ME, BotUnderTest, StartedRun, eventually
from tests.tcp_proxy import run_proxy

pytestmark = pytest.mark.skipif(not is_cog_installed(), reason="the packages cog and coglet are not installed")


T = TypeVar("T")


class BotWithCog(BotUnderTest):
    """A bot whose commands run on two real Cog servers alone: it has no account at Replicate."""

    pictures: CogServer
    words: CogServer

    async def use(self, command: str, prompt: str, who: str = "mia", **values: Any) -> StartedRun:
        person = self.discord.person(who)
        exchange = await person.use_command(self.channel(), command, {"prompt": prompt, **values})
        assert exchange.message is not None, exchange.text
        return StartedRun(self, exchange.message, prompt)

    async def paint(self, prompt: str = "owl", who: str = "mia", **values: Any) -> StartedRun:
        return await self.use("paint", prompt, who, **values)


@asynccontextmanager
async def cog_bot(
    folder: Path, settings: Mapping[str, str] | None = None, *, port: int = 0, through: int = 0
) -> AsyncIterator[BotWithCog]:
    """Start both servers and a bot, which reaches the one for pictures, at ``port``, through another port if given."""
    pictures, words = CogServer("pictures", folder=folder), CogServer("words", folder=folder)
    pictures.port = port
    async with pictures, words:
        address = f"http://127.0.0.1:{through}" if through else pictures.url
        own = {
            "COMMANDS": f"paint=cog+{address},write=cog+{words.url}",
            "HTTP_PORT": str(find_free_port()),
            "REPLICATE_API_TOKEN": "",
        }
        async with running_bot(folder, own | dict(settings or {})) as running:
            bot = BotWithCog(running.environment, folder)
            bot.pictures, bot.words = pictures, words
            yield bot
            assert not bot.replicate.predictions


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotWithCog]:
    async with cog_bot(tmp_path) as bot:
        yield bot


def pictures_of(message: Message) -> list[tuple[int, int]]:
    """Return the sizes of the pictures in a message."""
    return [
        Image.open(io.BytesIO(item.data)).size for item in message.attachments if item.filename.startswith("paint-")
    ]


async def collect(read: Callable[[], T], until: Callable[[], bool]) -> set[T]:
    """Return everything that was seen until a condition is true."""
    seen: set[T] = set()

    def look() -> bool:
        seen.add(read())
        return until()

    await eventually(look)
    return seen


async def test_pictures_of_an_own_model_appear_one_by_one(bot: BotWithCog) -> None:
    run = await bot.paint(subject=ME, number_of_outputs=3, seconds=0.8)
    counts = await collect(lambda: len(pictures_of(run.message)), until=lambda: run.is_over)
    assert {0, 3} < counts
    assert pictures_of(run.message) == [(256, 256)] * 3
    assert "Replicate" not in run.message.text


async def test_text_of_an_own_model_is_written_live(bot: BotWithCog) -> None:
    run = await bot.use("write", "a fox", words=80, pause=0.05)
    texts = await collect(lambda: run.message.text, until=lambda: run.is_over)
    assert len(texts) > 3
    assert "the quick fox draws" in run.message.text


async def test_cancel_of_an_own_model_keeps_what_was_made(bot: BotWithCog) -> None:
    run = await bot.paint(number_of_outputs=20, seconds=0.4)
    await run.wait_for(lambda: len(pictures_of(run.message)) >= 1)
    await bot.mia.react(run.message, "❌")
    await run.wait_until_delivered()
    assert run.state == "canceled"
    assert 1 <= len(pictures_of(run.message)) < 20
    await bot.pictures.wait_until("READY")  # and it does not go on there


async def test_a_failure_of_an_own_model_keeps_what_was_made(bot: BotWithCog) -> None:
    run = await bot.paint(number_of_outputs=4, seconds=0.2, fail_at=3)
    await run.wait_until_delivered()
    assert run.state == "failed"
    assert len(pictures_of(run.message)) == 2
    assert "picture 3 went wrong" in run.card_text
    assert "model.py" not in run.message.text  # nor any other path of the server


async def test_an_end_that_comes_while_the_bot_is_dead_is_shown(bot: BotWithCog) -> None:
    run = await bot.paint(number_of_outputs=3, seconds=1.2)
    await run.wait_for(lambda: len(pictures_of(run.message)) >= 1)
    await bot.kill()
    await bot.pictures.wait_until("READY")
    await bot.start()
    await run.wait_until_delivered()
    assert run.state == "succeeded"
    assert len(pictures_of(run.message)) == 3


async def test_a_run_goes_on_when_the_bot_is_killed(bot: BotWithCog) -> None:
    run = await bot.paint(number_of_outputs=6, seconds=0.6)
    await run.wait_for(lambda: len(pictures_of(run.message)) in range(1, 6))
    await bot.restart()
    await run.wait_until_delivered()
    assert run.state == "succeeded"
    assert len(pictures_of(run.message)) == 6


async def test_four_large_pictures_of_an_own_model_arrive(bot: BotWithCog) -> None:
    run = await bot.paint(number_of_outputs=4, seconds=0, style="noise", size=1000)
    await run.wait_until_delivered()
    assert run.state == "succeeded"
    assert pictures_of(run.message) == [(1000, 1000)] * 4


async def test_a_slow_webhook_of_a_cog_server_is_waited_for(tmp_path: Path) -> None:
    port = find_free_port()
    async with run_proxy(lambda: asyncio.open_connection("127.0.0.1", port)) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        async with cog_bot(tmp_path, {"HTTP_PORT": str(port), "COG_WEBHOOK_URL": address}) as bot:
            proxy.freeze()
            run = await bot.paint(number_of_outputs=3, seconds=1.2)
            await run.wait_for(lambda: len(pictures_of(run.message)) >= 1)
            await bot.pictures.wait_until("READY")
            await asyncio.sleep(3.0)  # the end is on its way; nothing may be concluded from its absence
            assert not run.is_over
            proxy.resume()
            await run.wait_until_delivered()
            assert run.state == "succeeded"
            assert len(pictures_of(run.message)) == 3


async def test_more_runs_than_places_take_turns(bot: BotWithCog) -> None:
    runs = [
        await bot.paint(f"wish {n}", who, number_of_outputs=1, seconds=4)
        for n, who in enumerate(("mia", "noah", "ada"))
    ]
    texts = await collect(lambda: " ".join(run.card_text for run in runs), until=lambda: all(r.is_over for r in runs))
    assert [run.state for run in runs] == ["succeeded"] * 3
    assert [len(pictures_of(run.message)) for run in runs] == [1, 1, 1]
    assert any("2nd in line" in text for text in texts)
    assert not any("Replicate" in text or "busy" in text for text in texts)


async def test_a_run_that_waits_for_a_place_is_canceled_unsent(bot: BotWithCog) -> None:
    first = await bot.paint("first", number_of_outputs=20, seconds=2)
    await eventually(lambda: first.row.get("prediction_id"))
    second = await bot.paint("second", number_of_outputs=1, seconds=0)
    await second.wait_for(lambda: "in line" in second.card_text)
    await bot.mia.react(second.message, "❌")
    await second.wait_until_delivered()
    assert (second.state, second.row["sent_at"]) == ("canceled", None)
    await first.wait_for(lambda: pictures_of(first.message))  # which goes on
    assert first.row["cancel_requested_at"] is None
    await bot.mia.react(first.message, "❌")
    await first.wait_until_delivered()
    assert first.state == "canceled"


async def test_a_lost_answer_of_a_cog_server_costs_nothing(tmp_path: Path) -> None:
    port = find_free_port()
    async with (
        run_proxy(lambda: asyncio.open_connection("127.0.0.1", port)) as proxy,
        cog_bot(tmp_path, port=port, through=proxy.port) as bot,
    ):
        proxy.lose_answer_to(b"respond-async")
        run = await bot.paint(number_of_outputs=2, seconds=1.0)
        await asyncio.wait_for(proxy.lost.wait(), 20)
        await run.wait_until_delivered()
        assert run.state == "succeeded"
        assert len(pictures_of(run.message)) == 2


async def test_a_killed_cog_server_is_told_in_a_sentence(bot: BotWithCog) -> None:
    run = await bot.paint(number_of_outputs=20, seconds=1.0)
    await run.wait_for(lambda: len(pictures_of(run.message)) >= 2)
    await bot.pictures.kill()
    await bot.pictures.start()
    await run.wait_until_delivered()
    assert run.state == "failed"
    assert "restarted" in run.card_text
    assert len(pictures_of(run.message)) >= 2
    again = await bot.paint("another", number_of_outputs=1, seconds=0)
    await again.wait_until_delivered()
    assert again.state == "succeeded"


async def test_an_unfinished_run_is_sent_again_if_set(tmp_path: Path) -> None:
    async with cog_bot(tmp_path, {"COG_RESEND": "true"}) as bot:
        run = await bot.paint(number_of_outputs=4, seconds=1.0)
        await run.wait_for(lambda: len(pictures_of(run.message)) >= 1)
        first_sent = run.row["sent_at"]
        await bot.pictures.kill()
        await bot.pictures.start()
        await run.wait_until_delivered()
        assert run.state == "succeeded", run.card_text
        assert len(pictures_of(run.message)) == 4
        assert run.row["sent_at"] > first_sent


async def test_a_dead_worker_of_a_cog_server_is_told(bot: BotWithCog) -> None:
    run = await bot.paint(number_of_outputs=20, seconds=0.5)
    await run.wait_for(lambda: len(pictures_of(run.message)) >= 1)
    bot.pictures.kill_worker()
    await run.wait_until_delivered()
    assert run.state == "failed"
    assert len(pictures_of(run.message)) >= 1
    refused = await bot.paint("another")
    await refused.wait_until_delivered()
    assert refused.state == "failed"
    assert "restart" in refused.card_text


async def test_an_own_model_is_ended_at_the_deadline(tmp_path: Path) -> None:
    async with cog_bot(tmp_path, {"RUN_DEADLINE": "5s"}) as bot:
        run = await bot.paint(number_of_outputs=20, seconds=1.0)
        await run.wait_until_delivered()
        assert run.state in ("canceled", "aborted")
        assert len(pictures_of(run.message)) >= 2
        await bot.pictures.wait_until("READY")
