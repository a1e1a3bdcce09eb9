"""What Discord refuses of a message is found and left out, and nothing else."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.media.types import Media
from bot.outputs.items import LinkItem, TextItem
from bot.runs.snapshot import DeliveryResult, Phase, RunSnapshot
from bot.ui.render.rendered_message import ORDER, Element, Part, file_element, text_element
from bot.ui.reply.refusals import RefusalSearch
from bot.ui.reply.task import ReplyTask
from sandbox.discord.errors import TOO_LARGE
from sandbox.request_log import Call
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import WEBP, make_file, make_image, make_run, make_snapshot

PARTS = [*map(Element, Part), text_element(0), *(file_element(f"{number}.webp") for number in range(6))]


async def delivered(env: ReplyEnvironment, reply: ReplyTask, snapshot: RunSnapshot) -> None:
    """Finish the reply as the engine does, which asks again until it is delivered."""
    for _ in range(8):
        if await env.finish(reply, snapshot) is DeliveryResult.DELIVERED:
            return
        await env.clock.advance(2)
    raise AssertionError("The reply is not delivered.")


def brings(*names: str) -> Any:
    """Match the requests that upload a file of one of these names."""

    def match(call: Call) -> bool:
        return any(name in names for name, _ in call.files.values())

    return match


@given(st.lists(st.sampled_from(PARTS), unique=True, min_size=1), st.data())
def test_any_refused_parts_are_found(suspects: list[Element], data: st.DataObject) -> None:
    refused = frozenset(data.draw(st.lists(st.sampled_from(suspects), unique=True, min_size=1)))
    search: RefusalSearch | None = RefusalSearch.begin(suspects)
    tests = 0
    while search is not None and not search.done:
        search = search.after(accepted=refused <= search.left_out)
        tests += 1
    assert search is not None
    assert search.left_out == refused
    assert tests <= 1 + len(refused) * (1 + len(suspects).bit_length())


@given(st.lists(st.sampled_from(PARTS), unique=True, min_size=1))
def test_a_hopeless_search_ends_after_one_test(suspects: list[Element]) -> None:
    search = RefusalSearch.begin(suspects)
    assert search.left_out == frozenset(suspects)
    assert search.after(accepted=False) is None
    assert [ORDER[one.part] for one in search.suspects] == sorted(ORDER[one.part] for one in suspects)


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("forbidden", ("a fox in the snow", "seed 42", "mia")),
        ("fox", ("a forbidden word", "seed 42", "mia")),
        ("seed 42", ("a forbidden word", "a fox in the snow", "mia")),
        ("mia", ("a forbidden word", "a fox in the snow", "seed 42")),
        ("a.mp4", ("a forbidden word", "a fox in the snow", "seed 42", "mia")),
    ],
)
async def test_automod_costs_only_where_the_word_is(
    env: ReplyEnvironment, tmp_path: Path, word: str, kept: tuple[str, ...]
) -> None:
    env.standin.faults.block_text(word)
    run = await env.run_command(summary="seed 42")
    link = LinkItem("a.mp4", "https://x.example/a", "Too large.")
    snapshot = make_snapshot(Phase.SUCCEEDED, TextItem("a forbidden word"), make_file(1, tmp_path), link, run=run)
    await delivered(env, env.open_reply(run), snapshot)
    words = env.message(run).body.words
    assert word not in words
    assert [text for text in kept if text not in words] == []
    assert "AutoMod" in words
    assert len(env.message(run).images) == 1


async def test_two_blocked_places_are_left_out(env: ReplyEnvironment, tmp_path: Path) -> None:
    env.standin.faults.block_text("seed 42")
    env.standin.faults.block_text("fox")
    run = await env.run_command(summary="seed 42")
    snapshot = make_snapshot(Phase.SUCCEEDED, TextItem("words of a model"), make_file(1, tmp_path), run=run)
    await delivered(env, env.open_reply(run), snapshot)
    words = env.message(run).body.words
    assert "words of a model" in words
    assert "fox" not in words
    assert "seed 42" not in words
    assert len(env.message(run).images) == 1


async def test_a_block_in_one_message_costs_no_other(env: ReplyEnvironment) -> None:
    env.standin.faults.block_text("forbidden")
    run = await env.run_command(prediction_id="abc", sent_at=env.clock.now())
    text = "First sentence here. " * 180 + "A forbidden word. " + "Last sentence here. " * 250
    await delivered(env, env.open_reply(run), make_snapshot(Phase.SUCCEEDED, TextItem(text), run=run))
    shown = [env.message(run), *env.followups(run)]
    assert "forbidden" not in env.all_text(run)
    assert "First sentence here." in shown[0].text
    assert "Last sentence here." in shown[-1].text
    blocked = [message for message in shown if "isn't allowed here" in message.text]
    assert len(blocked) == 1
    assert "https://replicate.com/p/abc" in blocked[0].text


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_blocked_line_costs_no_other_line(env: ReplyEnvironment, *, streamed: bool) -> None:
    env.standin.faults.block_text("forbidden")
    lines = [f"This is line number {number}." for number in range(30)]
    lines[17] = "A forbidden word."
    run = await env.run_command()
    reply = env.open_reply(run)
    if streamed:
        reply.update(make_snapshot(Phase.RUNNING, TextItem("\n".join(lines[:20])), run=run))
        await env.wait_for_text(run, "isn't allowed here", pass_time=0.25)
    await delivered(env, reply, make_snapshot(Phase.SUCCEEDED, TextItem("\n".join(lines)), run=run))
    shown = env.message(run).text
    assert "forbidden" not in shown
    assert [line for line in lines if line not in shown] == [lines[17]]
    assert "[…]" in shown
    assert "AutoMod" in shown


async def test_many_blocked_lines_cost_the_text(env: ReplyEnvironment) -> None:
    env.standin.faults.block_text("forbidden")
    text = "\n".join(f"Forbidden line number {number}." for number in range(30))
    run = await env.run_command()
    await delivered(env, env.open_reply(run), make_snapshot(Phase.SUCCEEDED, TextItem(text), run=run))
    assert "forbidden" not in env.message(run).text.casefold()
    assert "isn't allowed here" in env.message(run).text
    assert "a fox in the snow" in env.message(run).text


async def test_harmful_link_of_an_output_is_left_out(env: ReplyEnvironment, tmp_path: Path) -> None:
    env.standin.faults.block_link("https://x.example")
    run = await env.run_command()
    link = LinkItem("a.mp4", "https://x.example/a", "Too large.")
    await delivered(env, env.open_reply(run), make_snapshot(Phase.SUCCEEDED, make_file(1, tmp_path), link, run=run))
    assert "x.example" not in env.message(run).text
    assert "Too large" in env.message(run).text
    assert "a fox in the snow" in env.message(run).text


@pytest.mark.parametrize("url", ["https://my_pictures.example/a.png", "https:///a.png", "https://a..example/b"])
async def test_linked_thumbnail_that_is_refused_is_left_out(env: ReplyEnvironment, tmp_path: Path, url: str) -> None:
    run = await env.run_command()
    snapshot = replace(make_snapshot(Phase.SUCCEEDED, make_file(1, tmp_path), run=run), thumbnail=url)
    await delivered(env, env.open_reply(run), snapshot)
    assert len(env.message(run).images) == 1
    assert "a fox in the snow" in env.message(run).text
    assert "rejected" not in env.message(run).text
    assert len(env.uploads()) == 2  # the picture went with the refused edit, and with the next one


async def test_uploaded_thumbnail_that_is_refused_is_left_out(env: ReplyEnvironment, tmp_path: Path) -> None:
    env.standin.faults.refuse("PATCH *", when=brings("input.webp"), times=None)
    run = await env.run_command()
    thumbnail = Media("me.webp", WEBP, make_image(7))
    snapshot = replace(make_snapshot(Phase.SUCCEEDED, make_file(1, tmp_path), run=run), thumbnail=thumbnail)
    await delivered(env, env.open_reply(run), snapshot)
    assert [image.filename for image in env.message(run).images] == ["generate-01.webp"]


async def test_a_passing_refusal_costs_nothing(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    env.standin.faults.refuse("PATCH *", when=lambda call: bool(call.files))
    files = [make_file(number, tmp_path) for number in range(1, 4)]
    await delivered(env, reply, make_snapshot(Phase.SUCCEEDED, *files, run=run))
    assert len(env.message(run).images) == 3
    assert "rejected" not in env.message(run).text


@pytest.mark.parametrize("times", [2, 3, 5])
async def test_a_refusal_that_passes_late_costs_no_file(env: ReplyEnvironment, tmp_path: Path, times: int) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    env.standin.faults.refuse("PATCH *", when=lambda call: bool(call.files), times=times)
    files = [make_file(number, tmp_path) for number in range(1, 4)]
    await delivered(env, reply, make_snapshot(Phase.SUCCEEDED, *files, run=run))
    assert len(env.message(run).images) == 3
    assert "rejected" not in env.message(run).text
    assert "a fox in the snow" in env.message(run).text


@pytest.mark.parametrize("named", [False, True])
async def test_one_refused_file_is_linked_and_others_shown(
    env: ReplyEnvironment, tmp_path: Path, *, named: bool
) -> None:
    run = await env.run_command(prediction_id="abc", sent_at=env.clock.now())
    errors = {"attachments": {"1": {"filename": {"_errors": [{"code": "X", "message": "x"}]}}}} if named else None
    env.standin.faults.refuse("PATCH *", when=brings("generate-02.webp"), errors=errors, times=None)
    files = [replace(make_file(number, tmp_path), url=f"https://x.example/{number}") for number in range(1, 4)]
    await delivered(env, env.open_reply(run), make_snapshot(Phase.SUCCEEDED, *files, run=run))
    assert [image.filename for image in env.message(run).images] == ["generate-01.webp", "generate-03.webp"]
    assert "[generate-02.webp](https://x.example/2): Discord rejected it." in env.message(run).text
    assert "a fox in the snow" in env.message(run).text


async def test_a_file_too_large_in_passing_is_sent_later(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    env.standin.faults.refuse("PATCH *", TOO_LARGE, when=lambda call: bool(call.files), times=2)
    await delivered(env, env.open_reply(run), make_snapshot(Phase.SUCCEEDED, make_file(1, tmp_path), run=run))
    assert len(env.message(run).images) == 1
    assert "too large" not in env.message(run).text


async def test_nothing_refused_is_forgotten_after_a_restart(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    env.standin.faults.block_text("fox")
    files = [make_file(number, tmp_path) for number in range(1, 4)]
    reply = env.open_reply(run)
    reply.update(make_snapshot(Phase.RUNNING, *files[:2], run=run))
    await env.wait_for(lambda: len(env.message(run).images) == 2, pass_time=0.25)
    closing = asyncio.create_task(reply.close())
    await env.wait_for(closing.done, pass_time=0.25)
    env.restart()
    reloaded = env.reload(run)
    await delivered(env, env.open_reply(reloaded), make_snapshot(Phase.SUCCEEDED, *files, run=reloaded))
    assert "fox" not in env.message(run).body.words
    assert len({image.id for state in env.message(run).history for image in state.body.attachments}) == 3
    assert "Done" in env.message(run).text


async def test_a_message_refused_in_any_form_is_not_delivered(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await env.run_command()
    reply = env.open_reply(run)
    fault = env.standin.faults.refuse("PATCH *", times=None)
    snapshot = make_snapshot(Phase.SUCCEEDED, make_file(1, tmp_path), run=run)
    assert await env.finish(reply, snapshot) is DeliveryResult.LATER
    env.standin.faults.remove(fault)
    await delivered(env, reply, snapshot)
    assert len(env.message(run).images) == 1


async def test_a_blocked_reason_costs_only_the_reason(env: ReplyEnvironment) -> None:
    env.standin.faults.block_text("out of patience")
    run = await env.run_command()
    failed = make_run(failure="out of patience")
    snapshot = make_snapshot(Phase.FAILED, run=replace(run, failure=failed.failure))
    await delivered(env, env.open_reply(run), snapshot)
    assert "Failed" in env.message(run).text
    assert "patience" not in env.message(run).text
    assert "a fox in the snow" in env.message(run).text
