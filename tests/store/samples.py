"""Sample runs, files, people and times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.media.types import Media, MediaKind, MediaType
from bot.store.models import Place, Run, RunParent, RunState
from bot.store.refused_runs import EnteredFile, RefusedRun
from bot.store.runs import Runs
from bot.visibility import Visibility

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MIA = 80351110224678912
BOB = 80351110224678913

PNG = Media("me.png", MediaType("image/png", ".png", MediaKind.IMAGE), b"\x89PNG\r\n\x1a\n" + bytes(range(256)))


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def make_run(run_id: str = "run-1", **changes: Any) -> Run:
    number = sum(run_id.encode())
    place = Place(
        application_id=1,
        guild_id=2,
        channel_id=3,
        message_id=changes.pop("message_id", 1_400_000_000_000_000_000 + number),
        token="aW50ZXJhY3Rpb24",
        token_expires_at=after(900),
        token_only=False,
        file_limit=10_485_760,
    )
    run = Run(
        id=run_id,
        command="generate",
        target="fofr/consistent-character",
        author_id=MIA,
        author_name="mia",
        place=place,
        input={"prompt": "a cat", "subject": "file:0"},
        prompt="a cat",
        summary="seed 42",
        notes=("The picture was turned upright.",),
        output_schema={"type": "array", "items": {"type": "string"}},
        expected=5,
        state=RunState.RESERVED,
        created_at=T0,
    )
    return replace(run, **changes)


async def store_run_in_state(runs: Runs, run: Run, state: RunState, *, delivered: bool = False) -> None:
    """Reserve ``run`` and make the transitions that lead to ``state``."""
    await runs.reserve(run, (PNG,))
    if state is not RunState.RESERVED:
        assert await runs.mark_sent(run.id, at=run.created_at, webhook=None)
        assert await runs.mark_submitted(run.id, prediction_id=f"prediction-{run.id}")
    if state not in (RunState.RESERVED, RunState.SUBMITTED):
        assert await runs.mark_running(run.id, started_at=run.created_at)
    if state.terminal:
        assert await runs.mark_ended(
            run.id, state=state, at=run.created_at, output=["https://replicate.delivery/1.png"]
        )
    if delivered:
        assert await runs.mark_delivered(run.id, at=run.created_at)


async def cancel_and_deliver(runs: Runs, run_id: str, *, at: datetime) -> None:
    """End a run that was reserved, without a prediction, and mark it delivered."""
    await runs.mark_ended(run_id, state=RunState.CANCELED, at=at)
    await runs.mark_delivered(run_id, at=at)


async def load_files(runs: Runs, run_id: str) -> tuple[Media, ...]:
    """Return a run's files with their bytes."""
    loaded = [await runs.load_file(file) for file in await runs.list_files(run_id)]
    return tuple(media for media in loaded if media is not None)


def make_refused(refused_id: str = "r1", *, person: int = MIA, seconds: float = 0.0) -> RefusedRun:
    return RefusedRun(
        id=refused_id,
        person_id=person,
        command="draw",
        target="owner/model",
        entered={"prompt": "a \0 fox", "image": ["file:0", "file:1"]},
        text="seed",
        files=(EnteredFile("me.png", 0, 7), EnteredFile("old.png", 2, run_id="run-1")),
        remarks={"advanced": "no ="},
        parent=RunParent("run-2", 1),
        visibility=Visibility.SPOILER,
        created_at=after(seconds),
    )
