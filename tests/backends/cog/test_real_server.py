"""The backend on a real Cog server."""

import asyncio
import io
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from bot.backends.cog.backend import CogBackend
from bot.backends.cog.client import HealthStatus
from bot.backends.errors import (
    Busy,
    Defect,
    EndPending,
    Forgotten,
    InvalidInput,
    NoResponse,
    NotFound,
    NotSent,
    OutOfService,
)
from bot.backends.prediction import Status, StreamBatch
from sandbox.cog.server import CogServer
from tests.backends.cog.conftest import CogBot, is_over, needs_cog, poll_until, wait_for
from tests.tcp_proxy import run_proxy

pytestmark = needs_cog


async def test_pictures_appear_one_by_one(bot: CogBot, pictures: CogServer) -> None:
    backend = bot.backend(pictures)
    created = await bot.send(backend, "a", number_of_outputs=3, seconds=0.3)
    assert (created.id, created.status, created.stream_url) == ("a", Status.STARTING, None)
    states = await poll_until(backend, "a", is_over)
    counts = [len(state.output or ()) for state in states]
    assert counts == sorted(counts)
    assert {1, 2, 3} <= set(counts)
    assert states[-1].status is Status.SUCCEEDED
    sizes = [Image.open(io.BytesIO(data)).size for data in bot.files("a", states[-1].output)]
    assert sizes == [(256, 256)] * 3
    assert bot.woken == ["a"]


async def test_text_arrives_by_the_stream(bot: CogBot, words: CogServer) -> None:
    backend = bot.backend(words)
    prediction = await bot.send(backend, "a", words=20, pause=0.02)
    assert prediction.stream_url is not None
    batches: list[StreamBatch] = []
    await backend.stream(prediction, batches.append, next_read_in=lambda: 0.0, on_interruption=lambda: None)
    text = "".join(piece for batch in batches for piece in batch.outputs)
    assert len([batch for batch in batches if batch.outputs]) == 21
    assert batches[-1].end == ""
    told = await backend.get("a")
    assert (told.status, "".join(told.output)) == (Status.SUCCEEDED, text)


async def test_closing_a_stream_does_not_cancel(bot: CogBot, words: CogServer) -> None:
    backend = bot.backend(words)
    prediction = await bot.send(backend, "a", words=30, pause=0.03)
    first = asyncio.Event()

    def stop_after_one(_batch: StreamBatch) -> None:
        first.set()

    listening = asyncio.create_task(
        backend.stream(prediction, stop_after_one, next_read_in=lambda: 0.0, on_interruption=lambda: None)
    )
    await first.wait()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    states = await poll_until(backend, "a", is_over)
    assert states[-1].status is Status.SUCCEEDED
    assert len(states[-1].output) == 31


async def test_a_cancel_keeps_what_was_made(bot: CogBot, pictures: CogServer) -> None:
    backend = bot.backend(pictures)
    await bot.send(backend, "a", number_of_outputs=20, seconds=0.3)
    await poll_until(backend, "a", lambda state: len(state.output or ()) >= 1)
    await backend.cancel("a")
    states = await poll_until(backend, "a", is_over)
    assert states[-1].status is Status.CANCELED
    assert 1 <= len(states[-1].output) < 20
    with pytest.raises(NotFound):
        await backend.cancel("a")


async def test_a_failure_keeps_what_was_made(bot: CogBot, pictures: CogServer) -> None:
    backend = bot.backend(pictures)
    await bot.send(backend, "a", number_of_outputs=4, seconds=0.05, fail_at=3)
    states = await poll_until(backend, "a", is_over)
    assert states[-1].status is Status.FAILED
    assert "picture 3 went wrong" in (states[-1].error or "")
    assert len(bot.files("a", states[-1].output)) == 2


async def test_a_full_server_is_busy_and_then_takes_the_run(bot: CogBot, pictures: CogServer) -> None:
    backend = bot.backend(pictures)
    await bot.send(backend, "a", number_of_outputs=1, seconds=0.5)
    with pytest.raises(Busy):
        await bot.send(backend, "b", number_of_outputs=1, seconds=0)
    await poll_until(backend, "a", is_over)
    await bot.create(backend, "b", {"number_of_outputs": 1, "seconds": 0})
    assert (await poll_until(backend, "b", is_over))[-1].status is Status.SUCCEEDED


async def test_the_first_server_with_a_place_is_used(bot: CogBot, tmp_path: Path) -> None:
    async with (
        CogServer("pictures", folder=tmp_path) as first,
        CogServer("pictures", folder=tmp_path) as second,
    ):
        backend = bot.backend("http://127.0.0.1:9", first, second)
        await bot.send(backend, "a", number_of_outputs=1, seconds=2)
        await bot.send(backend, "b", number_of_outputs=1, seconds=2)
        with pytest.raises(Busy):
            await bot.send(backend, "c")
        restarted = bot.backend(first, second)  # does not know which server has which
        for prediction_id in ("a", "b"):
            assert (await restarted.get(prediction_id)).status in (Status.STARTING, Status.PROCESSING)
        for prediction_id in ("a", "b"):
            assert (await poll_until(restarted, prediction_id, is_over))[-1].status is Status.SUCCEEDED


async def test_a_lost_answer_is_found_by_name(bot: CogBot, pictures: CogServer) -> None:
    async with run_proxy(lambda: asyncio.open_connection("127.0.0.1", pictures.port)) as proxy:
        backend = bot.backend(f"http://127.0.0.1:{proxy.port}")
        proxy.lose_answer_to(b"PUT /predictions/a")
        with pytest.raises(NoResponse):
            await bot.send(backend, "a", number_of_outputs=2, seconds=0.3)
        assert (await backend.get("a")).id == "a"
        states = await poll_until(backend, "a", is_over)
    assert states[-1].status is Status.SUCCEEDED
    assert len(states[-1].output) == 2


async def test_looking_for_a_prediction_never_creates_one(bot: CogBot, pictures: CogServer) -> None:
    backend = bot.backend(pictures)
    for _ in range(3):
        with pytest.raises(NotSent):
            await backend.get("a")
    (health,) = (await backend.get_health()).values()
    assert getattr(health, "status", None) is HealthStatus.READY


async def test_an_invalid_input_names_the_option(bot: CogBot, pictures: CogServer) -> None:
    with pytest.raises(InvalidInput) as caught:
        await bot.send(bot.backend(pictures), "a", number_of_outputs=99, style="odd")
    assert {field.field for field in caught.value.fields} == {"input.number_of_outputs", "input.style"}


async def test_an_end_that_was_refused_is_told_again(bot: CogBot, pictures: CogServer) -> None:
    backend = bot.backend(pictures)
    await bot.send(backend, "a", number_of_outputs=1, seconds=0.05)
    bot.ends.away = True
    await wait_for(lambda: bot.ends.refusals >= 2)
    assert (await bot.ends.get("a"))[1] is None
    bot.ends.away = False
    assert (await poll_until(backend, "a", is_over))[-1].status is Status.SUCCEEDED


async def test_an_end_while_nobody_listens_is_told_later(bot: CogBot, pictures: CogServer) -> None:
    backend, port = bot.backend(pictures), bot.web.port
    await bot.send(backend, "a", number_of_outputs=1, seconds=0.2)
    await bot.web.stop()
    await poll_missing(backend, "a")
    await bot.listen(port)
    restarted = bot.backend(pictures)
    assert (await poll_until(restarted, "a", is_over))[-1].status is Status.SUCCEEDED


async def test_a_killed_server_loses_the_prediction_for_certain(bot: CogBot, pictures: CogServer) -> None:
    backend = bot.backend(pictures)
    await bot.send(backend, "a", number_of_outputs=20, seconds=0.3)
    await poll_until(backend, "a", lambda state: len(state.output or ()) >= 1)
    await pictures.kill()
    with pytest.raises(NotSent):
        await backend.get("a")
    await pictures.start()
    with pytest.raises(Forgotten) as caught:
        await backend.get("a")
    assert (caught.value.restarted, caught.value.unfinished) == (True, True)


async def test_a_bot_that_was_away_compares_ages(bot: CogBot, pictures: CogServer) -> None:
    await bot.send(bot.backend(pictures), "a", ago=5.0, number_of_outputs=20, seconds=0.3)
    await pictures.kill()
    await pictures.start()
    with pytest.raises(Forgotten) as caught:
        await bot.backend(pictures).get("a")
    # Nobody listened for a while: it may have finished then.
    assert (caught.value.restarted, caught.value.unfinished) == (True, False)


async def test_a_server_that_was_not_restarted_may_still_tell(bot: CogBot, pictures: CogServer) -> None:
    bot.ends.away = True
    await bot.send(bot.backend(pictures), "a", number_of_outputs=1, seconds=0)
    await poll_missing(bot.backend(pictures), "a")


async def test_a_dead_worker_makes_the_server_unusable(bot: CogBot, pictures: CogServer) -> None:
    backend = bot.backend(pictures)
    await bot.send(backend, "a", number_of_outputs=20, seconds=0.3)
    await poll_until(backend, "a", lambda state: len(state.output or ()) >= 1)
    pictures.kill_worker()
    states = await poll_until(backend, "a", is_over)
    assert states[-1].status is Status.FAILED
    assert len(states[-1].output) >= 1
    with pytest.raises(OutOfService) as caught:
        await bot.send(backend, "b")
    assert caught.value.defect is Defect.BROKEN


async def test_a_model_that_is_being_set_up_is_waited_for(bot: CogBot, tmp_path: Path) -> None:
    server = CogServer("pictures", folder=tmp_path)
    await server.start(wait=False)
    try:
        await server.wait_until("STARTING", "READY")
        backend = bot.backend(server)
        with suppress(Busy):
            await bot.send(backend, "a", number_of_outputs=1, seconds=0)
        await server.wait_until("READY", "BUSY")
        await bot.create(backend, "a", {"number_of_outputs": 1, "seconds": 0})
        assert (await poll_until(backend, "a", is_over))[-1].status is Status.SUCCEEDED
    finally:
        await server.stop()


async def test_four_large_pictures_come_within_one_body(bot: CogBot, pictures: CogServer) -> None:
    backend = bot.backend(pictures)
    await bot.send(backend, "a", number_of_outputs=4, seconds=0, style="noise", size=1000)
    states = await poll_until(backend, "a", is_over)
    files = bot.files("a", states[-1].output)
    assert [len(data) > 3_000_000 for data in files] == [True] * 4
    _, told, _ = await bot.ends.get("a")
    assert told is not None
    assert len(told) < 2000
    assert bot.spool.quota.used == sum(map(len, set(files)))


async def test_files_come_apart_by_prediction_and_ends_with_the_token(bot: CogBot, tmp_path: Path) -> None:
    port = bot.web.port
    await bot.web.stop()
    await bot.listen(port, token="a-token")
    uploads = bot.addresses.uploads
    async with CogServer("pictures", folder=tmp_path, upload_url=uploads, webhook_token="a-token") as server:
        backend = bot.backend(server)
        contents = []
        for prediction_id in ("a", "b"):
            await bot.send(backend, prediction_id, number_of_outputs=2, seconds=0, prompt=prediction_id)
            states = await poll_until(backend, prediction_id, is_over)
            assert all(output.startswith("spooled:in-") for output in states[-1].output)
            contents += bot.files(prediction_id, states[-1].output)
    assert len(set(contents)) == 4


async def poll_missing(backend: CogBackend, prediction_id: str) -> None:
    """Poll until the prediction is over, without its end being told."""
    for _ in range(400):
        try:
            await backend.get(prediction_id)
        except EndPending:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("The prediction does not end.")
