"""The newest snapshot is shown in time, deletions are noticed, closing and failures lose nothing."""

from datetime import timedelta
from typing import Any

import pytest

from bot.limits import INTERACTION_TOKEN_LIFE
from bot.outputs.items import TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.models import Run
from bot.ui.reply.messages import CANCEL_EMOJI
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import make_snapshot, text

LIFE = INTERACTION_TOKEN_LIFE.total_seconds()


async def test_first_snapshot_is_sent_at_once(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.QUEUED, run=run))
    await env.wait_for(lambda: "Queued" in env.message(run).text)
    assert "mia" in env.message(run).text
    assert "a fox in the snow" in env.message(run).text
    await reply.close()


async def test_only_the_newest_snapshot_of_a_second_is_sent(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("word 0"), run=run))
    await env.settle()
    for number in range(1, 30):
        reply.update(make_snapshot(Phase.RUNNING, TextItem(f"word {number}"), run=run))
        await env.clock.advance(0.03)
    await env.pass_time(1)
    texts = [state.body.text for state in env.message(run).history]
    assert len(texts) == 3  # deferred, the first snapshot, the newest
    assert "word 29" in texts[-1]
    await reply.close()


async def test_final_snapshot_is_sent_at_once(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("so far"), run=run))
    await env.wait_for(lambda: "so far" in env.message(run).text)
    assert (
        await reply.finish(make_snapshot(Phase.SUCCEEDED, TextItem("all of it"), run=run)) is DeliveryResult.DELIVERED
    )
    assert "all of it" in env.message(run).text
    assert "Done" in env.message(run).text
    assert env.message(run).buttons == ("Edit", "Details", "Again", "⋯")


async def test_first_output_does_not_wait_a_second(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.STARTING, run=run))
    await env.wait_for(lambda: "Starting the model" in env.message(run).text)
    reply.update(make_snapshot(Phase.RUNNING, run=run))
    await env.clock.advance(0.3)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("first words"), run=run))
    await env.wait_for(lambda: "first words" in env.message(run).text)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("first words and more"), run=run))
    await env.pass_time(0.75)
    assert "more" not in env.message(run).text
    await env.pass_time(0.5)
    assert "more" in env.message(run).text
    await reply.close()


async def test_equal_snapshot_is_not_sent(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    for _ in range(5):
        reply.update(make_snapshot(Phase.RUNNING, TextItem("the same"), run=run))
        await env.pass_time(1)
    assert env.count_edits(run) == 1
    await reply.close()


async def test_dm_has_a_reaction_and_both_transports(env: ReplyEnvironment) -> None:
    channel = env.standin.state.dm("mia")
    run = await env.run_command(channel)
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("first"), run=run))
    await env.wait_for(lambda: env.message(run).reaction_users(CANCEL_EMOJI), pass_time=0.25)
    await env.clock.advance(900)
    assert (
        await env.finish(reply, make_snapshot(Phase.SUCCEEDED, TextItem("second"), run=run)) is DeliveryResult.DELIVERED
    )
    assert "second" in env.message(run).text
    await env.wait_for(lambda: not env.message(run).reaction_users(CANCEL_EMOJI), pass_time=0.25)


async def test_finished_reply_repeats_its_result_and_is_closed(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    final = make_snapshot(Phase.SUCCEEDED, TextItem("words"), run=run)
    assert await reply.finish(final) is DeliveryResult.DELIVERED
    assert await reply.finish(final) is DeliveryResult.DELIVERED
    await env.wait_for(lambda: env.replies.open == 0, pass_time=0.25)
    reply.update(make_snapshot(Phase.RUNNING, run=run))
    await reply.close()


async def test_idle_reply_is_read_every_thirty_seconds(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, run=run))
    await env.wait_for(lambda: env.count_edits(run), pass_time=0.25)
    before = len(env.requests("GET", f"messages/{run.place.message_id}"))
    for _ in range(70):
        await env.pass_time(1)
    reads = len(env.requests("GET", f"messages/{run.place.message_id}")) - before
    assert reads == 2  # one in thirty seconds
    await env.standin.person("ada").delete(env.message(run))
    await env.wait_for(lambda: env.deleted_runs, pass_time=1.0)
    assert env.deleted_runs == [run.id]
    await reply.close()


def reads(env: ReplyEnvironment, run: Run) -> int:
    return len(env.requests("GET", f"messages/{run.place.message_id}"))


@pytest.mark.parametrize("transport", ["token", "bot"])
async def test_words_do_not_wait_for_a_check(env: ReplyEnvironment, transport: str) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    if transport == "bot":
        await env.clock.advance(LIFE)
    reply.update(make_snapshot(Phase.QUEUED, run=run))
    await env.wait_for(lambda: env.count_edits(run), pass_time=0.25)
    before = reads(env, run)
    hanging = env.standin.faults.hang_before("GET *messages*")
    await env.wait_for(lambda: reads(env, run) > before, pass_time=1.0)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1", pass_time=0.25)
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, text(2), run=run)) is DeliveryResult.DELIVERED
    env.standin.faults.remove(hanging)


async def test_text_in_a_further_editable_message_the_card_at_times(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, TextItem("word " * 1000), run=run))
    await env.wait_for(lambda: env.followups(run), pass_time=0.25)
    await env.standin.person("ada").delete(env.message(run))
    for words in range(1001, 1050):
        reply.update(make_snapshot(Phase.RUNNING, TextItem("word " * words), run=run))
        await env.pass_time(1.0)
    assert env.deleted_runs == [run.id]
    await reply.close()


async def test_deletion_is_noticed_while_edits_are_scarce(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1", pass_time=0.25)
    await env.clock.advance(3700)
    await env.standin.person("ada").delete(env.message(run))
    for words in range(2, 42):
        reply.update(make_snapshot(Phase.RUNNING, text(words), run=run))
        await env.pass_time(1.0)
    assert env.deleted_runs == [run.id]
    await reply.close()


async def test_deletion_is_reported_once(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.standin.person("ada").delete(env.message(run))
    reply.update(make_snapshot(Phase.RUNNING, text(2), run=run))
    await env.wait_for(lambda: env.deleted_runs, pass_time=0.25)
    assert await reply.finish(make_snapshot(Phase.CANCELED, run=run)) is DeliveryResult.GONE
    assert env.deleted_runs == [run.id]
    assert env.replies.open == 0


async def test_unreachable_reply_is_never_given_up_by_itself(env: ReplyEnvironment) -> None:
    run = await env.run_command(env.channel("hidden"))
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await env.clock.advance(LIFE)
    final = make_snapshot(Phase.SUCCEEDED, text(2), run=run)
    assert await reply.finish(final) is DeliveryResult.LATER
    await env.clock.advance(timedelta(days=1).total_seconds())
    assert await reply.finish(final) is DeliveryResult.LATER


@pytest.mark.parametrize("break_", ["fail", "cut_before"])
async def test_final_snapshot_waits_while_discord_fails(env: ReplyEnvironment, break_: str) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    # discord.py repeats neither a 503 nor a lost connection by itself.
    options: dict[str, Any] = {"status": 503} if break_ == "fail" else {}
    await env.clock.advance(LIFE)
    getattr(env.standin.faults, break_)("PATCH *", times=None, **options)
    final = make_snapshot(Phase.SUCCEEDED, text(2), run=run)
    assert await reply.finish(final) is DeliveryResult.LATER
    env.standin.faults.clear()
    assert await reply.finish(final) is DeliveryResult.DELIVERED
    assert "word 2" in env.message(run).text


async def test_failed_edit_is_retried(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    env.standin.faults.cut_before("PATCH *")
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1", pass_time=0.5)
    await reply.close()


async def test_close_sends_the_newest_snapshot(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    reply.update(make_snapshot(Phase.RUNNING, text(2), run=run))
    await reply.close()
    assert "word 2" in env.message(run).text
    assert env.replies.open == 0


async def test_slow_edit_delays_no_other_reply(env: ReplyEnvironment) -> None:
    slow, quick = await env.run_command(), await env.run_command()
    slow_reply, quick_reply = env.open_reply(slow), env.open_reply(quick)
    env.standin.faults.delay(f"PATCH *{slow.place.message_id}*", seconds=30)
    slow_reply.update(make_snapshot(Phase.RUNNING, text(1), run=slow))
    await env.settle()
    quick_reply.update(make_snapshot(Phase.RUNNING, text(2), run=quick))
    await env.wait_for_text(quick, "word 2")
    assert "word" not in env.message(slow).text
    await env.wait_for_text(slow, "word 1", pass_time=5)
    await quick_reply.close()
    await slow_reply.close()


async def test_deletion_of_an_idle_message_is_detected(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.STARTING, run=run))
    await env.wait_for_text(run, "Starting")
    await env.pass_time(10, 5)
    await env.standin.person("ada").delete(env.message(run))
    edits = len(env.requests("PATCH"))
    await env.pass_time(40, 5)
    assert env.deleted_runs == [run.id]
    assert len(env.requests("PATCH")) == edits
    assert env.replies.open == 0


async def test_failed_check_of_an_idle_message_changes_nothing(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.STARTING, run=run))
    await env.wait_for_text(run, "Starting")
    env.standin.faults.fail("GET *", status=503)
    await env.pass_time(200, 10)
    assert env.deleted_runs == []
    assert await reply.finish(make_snapshot(Phase.SUCCEEDED, text(2), run=run)) is DeliveryResult.DELIVERED


async def test_first_output_and_its_age_are_counted(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    await env.clock.advance(5)
    reply.update(make_snapshot(Phase.STARTING, run=run))
    await env.wait_for_text(run, "Start")
    for number in range(2):
        reply.update(make_snapshot(Phase.RUNNING, text(number), run=run))
        await env.wait_for_text(run, f"word {number}", pass_time=0.25)
    await reply.close()
    sample = env.metrics.registry.get_sample_value
    assert sample("replicord_staleness_seconds_count") == 2
    assert sample("replicord_first_content_seconds_count", {"command": "generate"}) == 1
    assert (sample("replicord_first_content_seconds_sum", {"command": "generate"}) or 0) >= 5


async def test_first_output_of_a_recovered_run_is_not_counted(env: ReplyEnvironment) -> None:
    run = await env.run_command()
    reply = env.open_reply(run, recovered=True)
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.wait_for_text(run, "word 1")
    await reply.close()
    sample = env.metrics.registry.get_sample_value
    assert sample("replicord_staleness_seconds_count") == 1
    assert sample("replicord_first_content_seconds_count", {"command": "generate"}) is None
