"""The live message: newest wins, at Discord's pace, every file once."""

from pathlib import Path

from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.errors import StoreError
from bot.ui.reply.messages import CANCEL_EMOJI
from bot.ui.reply.registry import ReplyRegistry
from tests.ui.conftest import Stage
from tests.ui.making import a_file, a_page


async def test_the_first_page_is_there_at_once(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.QUEUED, run=run))
    await stage.until(lambda: "Queued" in stage.message(run).text)
    assert "mia" in stage.message(run).text
    assert "a fox in the snow" in stage.message(run).text
    await view.close()


async def test_of_many_pages_in_a_second_the_newest_is_sent(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, TextItem("word 0"), run=run))
    await stage.quiet()
    for number in range(1, 30):
        view.update(a_page(Phase.RUNNING, TextItem(f"word {number}"), run=run))
        await stage.clock.advance(0.03)
    await stage.passes(1)
    texts = [state.body.text for state in stage.message(run).history]
    assert len(texts) == 3  # thinking, the first page, the newest
    assert "word 29" in texts[-1]
    await view.close()


async def test_the_last_page_is_always_sent_and_at_once(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, TextItem("so far"), run=run))
    await stage.until(lambda: "so far" in stage.message(run).text)
    assert await view.finish(a_page(Phase.SUCCEEDED, TextItem("all of it"), run=run)) is DeliveryResult.DELIVERED
    assert "all of it" in stage.message(run).text
    assert "Done" in stage.message(run).text
    assert stage.message(run).buttons == ("Again", "Edit", "Details")


async def test_every_file_is_uploaded_once(stage: Stage, tmp_path: Path) -> None:
    run = await stage.command()
    view = stage.open(run)
    files = [a_file(number, tmp_path) for number in range(1, 6)]
    for count in range(1, 6):
        view.update(a_page(Phase.RUNNING, *files[:count], run=run))
        await stage.passes(1)
        assert len(stage.message(run).images) == count
    assert await view.finish(a_page(Phase.SUCCEEDED, *files, run=run)) is DeliveryResult.DELIVERED
    uploaded = [name for call in stage.standin.calls for name, _ in call.files.values()]
    assert uploaded == [file.name for file in files]
    assert len(stage.message(run).images) == 5


async def test_the_first_output_does_not_wait_for_the_second_to_pass(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    view.update(a_page(Phase.STARTING, run=run))
    await stage.until(lambda: "Starting the model" in stage.message(run).text)
    view.update(a_page(Phase.RUNNING, run=run))
    await stage.clock.advance(0.3)
    view.update(a_page(Phase.RUNNING, TextItem("first words"), run=run))
    await stage.until(lambda: "first words" in stage.message(run).text)
    view.update(a_page(Phase.RUNNING, TextItem("first words and more"), run=run))
    await stage.passes(0.75)
    assert "more" not in stage.message(run).text
    await stage.passes(0.5)
    assert "more" in stage.message(run).text
    await view.close()


async def test_a_page_that_looks_the_same_is_not_sent(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    for _ in range(5):
        view.update(a_page(Phase.RUNNING, TextItem("the same"), run=run))
        await stage.passes(1)
    assert stage.edits(run) == 1
    await view.close()


async def test_a_private_conversation_has_the_reaction_and_both_roads(stage: Stage) -> None:
    channel = stage.standin.state.dm("mia")
    run = await stage.command(channel)
    view = stage.open(run)
    view.update(a_page(Phase.RUNNING, TextItem("first"), run=run))
    await stage.until(lambda: stage.message(run).reaction_users(CANCEL_EMOJI), pass_time=0.25)
    await stage.clock.advance(900)
    assert await stage.finish(view, a_page(Phase.SUCCEEDED, TextItem("second"), run=run)) is DeliveryResult.DELIVERED
    assert "second" in stage.message(run).text
    await stage.until(lambda: not stage.message(run).reaction_users(CANCEL_EMOJI), pass_time=0.25)


async def test_where_only_the_person_installed_the_bot_what_is_too_much_is_said(stage: Stage) -> None:
    stage.mia.user.installed = True
    run = await stage.command(stage.channel("lobby"))
    assert run.place.token_only
    view = stage.open(run)
    snapshot = a_page(Phase.SUCCEEDED, TextItem("A sentence of some words. " * 1200), run=run)
    assert await stage.finish(view, snapshot) is DeliveryResult.DELIVERED
    assert "longer than Discord lets me send" in stage.message(run).text
    assert len([message for message in stage.channel("lobby").messages.values() if message.reference]) == 5
    assert not stage.calls("PUT", "/reactions/")


async def test_a_failing_ledger_doubles_no_message(stage: Stage) -> None:
    class Broken:
        async def mark_message_sending(self, run_id: str, number: int) -> None:
            pass

        async def mark_message_sent(self, run_id: str, number: int, message_id: int) -> None:
            raise StoreError(f"The disk is full: {run_id} {number} {message_id}")

    run = await stage.command()
    live = ReplyRegistry(stage.client, ledger=Broken(), clock=stage.clock, metrics=stage.metrics)

    async def gone() -> None:
        stage.gone.append(run.id)

    view = live(run, on_deleted=gone)
    snapshot = a_page(Phase.SUCCEEDED, TextItem("A sentence of some words. " * 300), run=run)
    for _ in range(4):
        delivery = await stage.finish(view, snapshot)
    assert delivery is DeliveryResult.DELIVERED
    sent = [message for message in stage.channel().messages.values() if message.reference is not None]
    assert " ".join([stage.message(run).text, *(message.text for message in sent)]).count("A sentence") == 300


async def test_a_finished_reply_answers_the_same_again_and_forgets_the_run(stage: Stage) -> None:
    run = await stage.command()
    view = stage.open(run)
    last = a_page(Phase.SUCCEEDED, TextItem("words"), run=run)
    assert await view.finish(last) is DeliveryResult.DELIVERED
    assert await view.finish(last) is DeliveryResult.DELIVERED
    await stage.until(lambda: stage.live.open == 0, pass_time=0.25)
    view.update(a_page(Phase.RUNNING, run=run))
    await view.close()
    assert not stage.live.renew_token(run.id, "token", stage.clock.now())
