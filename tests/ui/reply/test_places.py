"""The places of pictures in Discord: uploaded once, given up one by one, and never at the cost of anything else."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.runs.snapshot import Phase, RunSnapshot
from bot.store.models import Run
from sandbox.discord.errors import MISSING_PERMISSIONS
from sandbox.discord.state.components import iter_media
from tests.ui.conftest import ReplyEnvironment
from tests.ui.factories import make_file, make_snapshot

PICTURES = {"type": "array", "items": {"type": "string", "format": "uri"}}


def in_progress(run: Run, folder: Path, *numbers: int, phase: Phase = Phase.RUNNING) -> RunSnapshot:
    files = [replace(make_file(number, folder), number=number) for number in numbers]
    return make_snapshot(phase, *files, run=run, total=4, done=len(numbers))


def stems(env: ReplyEnvironment, run: Run) -> list[str]:
    """Return what the card shows, in the order of the gallery."""
    urls = [str(item["url"]) for item in iter_media(env.message(run).body.components)]
    return [url.removeprefix("attachment://").split(".")[0] for url in urls]


async def start(env: ReplyEnvironment) -> Run:
    return await env.run_command(output_schema=PICTURES, expected=4)


async def test_places_are_uploaded_once_and_given_up_one_by_one(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await start(env)
    reply = env.open_reply(run)
    reply.update(in_progress(run, tmp_path, phase=Phase.STARTING))
    await env.wait_for(lambda: len(stems(env, run)) == 4, pass_time=0.25)
    places = {one.filename: one.id for one in env.message(run).images}
    assert list(places) == ["place-1.png", "place-2.png", "place-3.png", "place-4.png"]
    reply.update(in_progress(run, tmp_path, 2))
    await env.wait_for(lambda: stems(env, run) == ["place-1", "generate-02", "place-3", "place-4"], pass_time=0.25)
    kept = {one.filename: one.id for one in env.message(run).images if one.filename.startswith("place")}
    assert kept.items() <= places.items()
    await env.finish(reply, in_progress(run, tmp_path, 1, 2, 3, phase=Phase.SUCCEEDED))
    assert stems(env, run) == ["generate-01", "generate-02", "generate-03"]
    assert "3 of 4 images" in env.message(run).text
    assert len(env.uploads()) == 4 + 3  # each place and each picture once


async def test_places_are_found_again_after_a_restart(env: ReplyEnvironment, tmp_path: Path) -> None:
    run = await start(env)
    env.open_reply(run).update(in_progress(run, tmp_path, 1))
    await env.wait_for(lambda: len(stems(env, run)) == 4, pass_time=0.25)
    before = {one.filename: one.id for one in env.message(run).images}
    env.restart()
    reloaded = env.reload(run)
    reply = env.open_reply(reloaded, recovered=True)
    reply.update(in_progress(reloaded, tmp_path, 1, 2))
    await env.wait_for(lambda: stems(env, run)[:2] == ["generate-01", "generate-02"], pass_time=0.25)
    after = {one.filename: one.id for one in env.message(run).images}
    assert {name: after[name] for name in ("generate-01.webp", "place-3.png", "place-4.png")}.items() <= before.items()


@pytest.mark.parametrize("named", [False, True])
async def test_refused_places_cost_no_picture(env: ReplyEnvironment, tmp_path: Path, *, named: bool) -> None:
    errors = {"attachments": {"0": {"filename": {"_errors": [{"code": "X", "message": "x"}]}}}} if named else None
    env.standin.faults.refuse(
        "PATCH *",
        when=lambda call: any(name.startswith("place") for name, _ in call.files.values()),
        errors=errors,
        times=None,
    )
    run = await start(env)
    reply = env.open_reply(run)
    reply.update(in_progress(run, tmp_path, phase=Phase.STARTING))
    await env.wait_for(lambda: "Starting the model" in env.message(run).text, pass_time=0.25)
    reply.update(in_progress(run, tmp_path, 1))
    await env.wait_for(lambda: stems(env, run) == ["generate-01"], pass_time=0.25)
    await env.finish(reply, in_progress(run, tmp_path, 1, 2, 3, 4, phase=Phase.SUCCEEDED))
    assert len(stems(env, run)) == 4
    assert "rejected" not in env.message(run).text
    assert "Done · 4 images" in env.message(run).text.replace("**", "")


async def test_no_right_to_attach_files_costs_only_the_places(env: ReplyEnvironment, tmp_path: Path) -> None:
    env.standin.faults.refuse("PATCH *", MISSING_PERMISSIONS, when=lambda call: bool(call.files), times=None)
    run = await start(env)
    env.open_reply(run).update(in_progress(run, tmp_path, phase=Phase.STARTING))
    await env.wait_for(lambda: "Starting the model" in env.message(run).text, pass_time=0.25)
    assert not stems(env, run)
    assert "permission to attach" not in env.message(run).text
