"""What became of a person's use of a command or a control, as that person sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from bot.limits import INTERACTION_ACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.discord.services.interactions import InteractionService
    from sandbox.discord.state.models import CallbackType, Interaction, Message

Json = dict[str, Any]
T = TypeVar("T")


class InteractionResult:
    """One interaction from the person's side; everything on it is read live."""

    def __init__(self, interaction: Interaction, desk: InteractionService) -> None:
        self.interaction = interaction
        self._desk = desk

    @property
    def id(self) -> int:
        """The interaction's id."""
        return self.interaction.id

    @property
    def acknowledged(self) -> bool:
        """Whether the application answered in time."""
        return self.interaction.answer is not None

    @property
    def failed(self) -> bool:
        """Whether the client says “The application did not respond”."""
        age = self._desk.state.clock.monotonic() - self.interaction.started
        return not self.acknowledged and age >= INTERACTION_ACK.total_seconds()

    @property
    def latency(self) -> float | None:
        """How many seconds the application took for its first answer."""
        return self.interaction.latency

    @property
    def answer(self) -> CallbackType | None:
        """How the application answered first."""
        return self.interaction.answer

    @property
    def message(self) -> Message | None:
        """The message that answers: a new one, or the one whose control was used when that was changed."""
        return self.interaction.original

    @property
    def followups(self) -> tuple[Message, ...]:
        """The further messages of the interaction."""
        return tuple(self.interaction.followups)

    @property
    def ephemeral(self) -> bool:
        """Whether only this person sees the answer."""
        return self.message is not None and self.message.ephemeral

    @property
    def text(self) -> str:
        """All words of the answer and of every further message, as far as they are not deleted."""
        messages = [one for one in (self.message, *self.followups) if one is not None and not one.deleted]
        return "\n".join(one.text for one in messages)

    @property
    def modal(self) -> Json | None:
        """The modal that opened."""
        return self.interaction.modal

    @property
    def choices(self) -> list[Json] | None:
        """What autocomplete offered."""
        return self.interaction.choices

    async def wait(self) -> InteractionResult:
        """Return when the application answered or its three seconds are over."""
        clock = self._desk.state.clock
        settled = asyncio.ensure_future(self.interaction.settled.wait())
        too_late = asyncio.ensure_future(clock.sleep(INTERACTION_ACK.total_seconds()))
        try:
            await asyncio.wait({settled, too_late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (settled, too_late):
                waiting.cancel()
            await asyncio.gather(settled, too_late, return_exceptions=True)
        if not self.acknowledged:
            self._desk.publish(self.interaction)
        return self

    async def wait_for(self, look: Callable[[InteractionResult], T | None], timeout: float = 5.0) -> T:  # noqa: ASYNC109 - handed on
        """Return what ``look`` returns for this exchange as soon as that is true."""
        return await self._desk.state.wait_for(lambda: look(self), timeout)
