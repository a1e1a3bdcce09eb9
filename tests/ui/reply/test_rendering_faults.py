"""A fault in our own code is logged, counted and answered with plain output; it is no refusal of Discord's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.outputs.items import LinkItem, TextItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.ui.render.run_card import render_run
from bot.ui.reply import snapshot_writer
from bot.ui.reply.extras import ReplyExtras
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import lasting, make_file, make_snapshot, text

FAULTS = [
    TypeError("not a str"),
    KeyError("phase"),
    AttributeError("no such attribute"),
    IndexError(3),
    ValueError("?"),
]


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def errors_counted(env: ReplyEnvironment) -> float:
    return env.metrics.registry.get_sample_value("replicord_errors_total", {"component": "ui"}) or 0.0


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
async def test_output_is_shown_plain_when_rendering_fails(
    env: ReplyEnvironment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    monkeypatch.setattr(snapshot_writer, "render_run", raising(error))
    items = (TextItem("the answer"), make_file(1, tmp_path), LinkItem("large.mp4", "https://replicate.delivery/l", ""))
    with capture_logs() as logs:
        delivery = await env.finish(reply, make_snapshot(Phase.SUCCEEDED, *items, run=run))
    assert delivery is DeliveryResult.DELIVERED
    assert "the answer" in env.message(run).text
    assert "https://replicate.delivery/l" in env.message(run).text
    assert env.uploads() == ["generate-01.webp"]
    (logged,) = [entry for entry in logs if entry["event"] == "rendering_failed"]
    assert logged["log_level"] == "error"
    assert logged["exc_info"]
    assert logged["run"] == run.id
    assert errors_counted(env) == 1


async def test_long_plain_output_is_sent_once(env: ReplyEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await env.run_command()
    monkeypatch.setattr(snapshot_writer, "render_run", raising(TypeError()))
    snapshot = make_snapshot(Phase.SUCCEEDED, TextItem("A sentence of some words. " * 300), run=run)
    env.standin.faults.cut_after("POST /webhooks/*")
    reply = env.open_reply(run)
    assert await env.finish(reply, snapshot) is DeliveryResult.LATER
    assert await env.finish(reply, snapshot) is DeliveryResult.DELIVERED
    assert env.all_text(run).count("entence") == 300
    assert sorted(env.ledger.messages[run.id]) == list(range(1, len(env.followups(run)) + 1))


async def test_component_that_is_no_json_is_shown_plain(env: ReplyEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)

    def render_an_object(*arguments: Any) -> Any:
        rendered = render_run(*arguments)
        rendered[0].components.append({"type": 10, "content": object()})
        return rendered

    monkeypatch.setattr(snapshot_writer, "render_run", render_an_object)
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, text(1), run=run)) is DeliveryResult.DELIVERED
    assert "word 1" in env.message(run).text
    assert errors_counted(env) == 1


async def test_final_snapshot_is_rendered_in_full_again(env: ReplyEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    with monkeypatch.context() as patched:
        patched.setattr(snapshot_writer, "render_run", raising(TypeError()))
        reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
        await env.wait_for_text(run, "word 1", pass_time=0.25)
    assert env.message(run).buttons == ()
    assert await env.finish(reply, make_snapshot(Phase.SUCCEEDED, text(2), run=run)) is DeliveryResult.DELIVERED
    assert env.message(run).buttons == ("Edit", "Details", "Again", "⋯")


async def test_delivery_fails_when_plain_rendering_fails_too(
    env: ReplyEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    monkeypatch.setattr(snapshot_writer, "render_run", raising(TypeError()))
    monkeypatch.setattr(snapshot_writer, "render_plain", raising(KeyError()))
    reply.update(make_snapshot(Phase.RUNNING, text(1), run=run))
    await env.pass_time(3)
    assert errors_counted(env) == 2, "a snapshot that is not the final one is tried twice at most"
    final = make_snapshot(Phase.SUCCEEDED, text(2), run=run)
    with capture_logs() as logs:
        assert await env.finish(reply, final) is DeliveryResult.FAILED
    assert [entry["plain"] for entry in logs if entry["event"] == "rendering_failed"] == [False, True]
    assert await reply.finish(final) is DeliveryResult.FAILED
    assert env.replies.open == 0


async def test_faults_beside_the_card_cost_nothing(env: ReplyEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    monkeypatch.setattr(ReplyExtras, "_send_notice", raising(TypeError()))
    final = lasting(make_snapshot(Phase.SUCCEEDED, text(1), run=run), 75)
    assert await env.finish(reply, final) is DeliveryResult.DELIVERED
    assert env.message(run).buttons == ("Edit", "Details", "Again", "⋯")
    assert errors_counted(env) == 1
