"""Runs, snapshots and files for tests, with defaults for what a test does not set."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from bot.media.types import MediaKind, MediaType
from bot.outputs.items import FileItem, OutputItem, TextItem
from bot.runs.snapshot import Phase, Progress, RunSnapshot
from bot.store.models import Place, Run, RunState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEBP = MediaType("image/webp", ".webp", MediaKind.IMAGE)
WAV = MediaType("audio/wav", ".wav", MediaKind.AUDIO)
PDF = MediaType("application/pdf", ".pdf", MediaKind.OTHER)

STATES = {
    Phase.SUCCEEDED: RunState.SUCCEEDED,
    Phase.FAILED: RunState.FAILED,
    Phase.CANCELED: RunState.CANCELED,
    Phase.ABORTED: RunState.ABORTED,
    Phase.DELIVERING: RunState.SUCCEEDED,
}


def make_place(**changes: Any) -> Place:
    place = Place(
        application_id=100,
        guild_id=200,
        channel_id=300,
        message_id=400,
        token="interaction-token",
        token_expires_at=NOW + timedelta(minutes=15),
        token_only=False,
        file_limit=10 * 1024 * 1024,
    )
    return replace(place, **changes)


def make_run(**changes: Any) -> Run:
    run = Run(
        id="r1",
        command="generate",
        target="fofr/consistent-character:" + "9c77a3c2" * 8,
        author_id=111111111111111111,
        author_name="mia",
        place=make_place(),
        input={},
        prompt="a fox in the snow",
        summary="",
        notes=(),
        output_schema={},
        expected=None,
        state=RunState.RESERVED,
        created_at=NOW,
    )
    return replace(run, **changes)


def make_snapshot(
    phase: Phase = Phase.RUNNING, *items: OutputItem, run: Run | None = None, **progress: Any
) -> RunSnapshot:
    run = run or make_run()
    if phase in STATES:
        run = replace(run, state=STATES[phase])
        if phase is not Phase.DELIVERING and run.ended_at is None:
            run = replace(run, ended_at=NOW + timedelta(seconds=41))
    final = phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELED, Phase.ABORTED)
    return RunSnapshot(run=run, progress=Progress(phase=phase, **progress), items=items, final=final)


def make_file(
    number: int = 1, folder: Path = Path("/nowhere"), *, data: bytes = b"", type_: MediaType = WEBP
) -> FileItem:
    name = f"generate-{number:02}{type_.suffix}"
    path = folder / name
    if folder != Path("/nowhere"):
        path.write_bytes(data or make_image(number))
    return FileItem(name, path, type_, path.stat().st_size if path.exists() else 1000)


def make_image(number: int) -> bytes:
    """Return a small WebP; each number has its own colour."""
    data = BytesIO()
    Image.new("RGB", (8, 8), (number * 20 % 256, 80, 120)).save(data, "WEBP")
    return data.getvalue()


def lasting(snapshot: RunSnapshot, seconds: float) -> RunSnapshot:
    """Return the snapshot of a run that took so long."""
    return replace(snapshot, run=replace(snapshot.run, ended_at=snapshot.run.created_at + timedelta(seconds=seconds)))


def text(number: int) -> TextItem:
    return TextItem(f"word {number}")
