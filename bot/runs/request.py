"""Request: what a person asked for, checked and complete, before it is a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.backends.replicate.types import ModelRef
from bot.media.types import Media
from bot.store.models import Place, Run, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One slash command's worth of work.

    ``input`` holds each given file as ``file:<n>``, n counting ``files``. ``thumbnail`` is the picture that was
    given, small, or the URL it was given as. The other fields are those of ``Run``.
    """

    command: str
    target: ModelRef
    author_id: int
    author_name: str
    place: Place
    input: Mapping[str, Any]
    files: tuple[Media, ...] = ()
    prompt: str | None = None
    summary: str = ""
    notes: tuple[str, ...] = ()
    output_schema: Mapping[str, Any]
    expected: int | None = None
    thumbnail: Media | str | None = None

    def reserve(self, run_id: str, now: datetime) -> Run:
        """Return the run that this request begins as."""
        return Run(
            id=run_id,
            command=self.command,
            target=str(self.target),
            author_id=self.author_id,
            author_name=self.author_name,
            place=self.place,
            input=self.input,
            prompt=self.prompt,
            summary=self.summary,
            notes=self.notes,
            output_schema=self.output_schema,
            expected=self.expected,
            state=RunState.RESERVED,
            created_at=now,
        )
