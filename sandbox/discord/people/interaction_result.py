"""The outcome of a person's command or click, as that person sees it."""

import asyncio
from collections.abc import Callable
from typing import Any, Self, TypeVar

from bot.limits import INTERACTION_ACK
from sandbox.discord.services.interactions import InteractionService
from sandbox.discord.state.models import CallbackType, Interaction, Message

Json = dict[str, Any]
T = TypeVar("T")


class InteractionResult:
    """One interaction from the person's side; all properties are live."""

    def __init__(self, interaction: Interaction, interactions: InteractionService) -> None:
        self.interaction = interaction
        self._interactions = interactions

    @property
    def id(self) -> int:
        return self.interaction.id

    @property
    def acknowledged(self) -> bool:
        """Whether the application responded in time."""
        return self.interaction.callback_type is not None

    @property
    def failed(self) -> bool:
        """Whether the client shows “The application did not respond”."""
        age = self._interactions.age(self.interaction)
        return not self.acknowledged and age >= INTERACTION_ACK.total_seconds()

    @property
    def latency(self) -> float | None:
        """The seconds until the first response."""
        return self.interaction.latency

    @property
    def callback_type(self) -> CallbackType | None:
        """The type of the first response."""
        return self.interaction.callback_type

    @property
    def message(self) -> Message | None:
        """The response message: a new one, or the updated one whose component was used."""
        return self.interaction.original

    @property
    def followups(self) -> tuple[Message, ...]:
        return tuple(self.interaction.followups)

    @property
    def ephemeral(self) -> bool:
        """Whether only this person sees the response."""
        return self.message is not None and self.message.ephemeral

    @property
    def text(self) -> str:
        """All visible text of the response and the followups that are not deleted."""
        messages = [one for one in (self.message, *self.followups) if one is not None and not one.deleted]
        return "\n".join(one.text for one in messages)

    @property
    def modal(self) -> Json | None:
        """The modal that opened."""
        return self.interaction.modal

    @property
    def choices(self) -> list[Json] | None:
        """The choices that autocomplete offers."""
        return self.interaction.choices

    async def wait(self) -> Self:
        """Wait until the application has responded or its three seconds are over."""
        clock = self._interactions.state.clock
        responded = asyncio.ensure_future(self.interaction.responded.wait())
        timed_out = asyncio.ensure_future(clock.sleep(INTERACTION_ACK.total_seconds()))
        try:
            await asyncio.wait({responded, timed_out}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (responded, timed_out):
                task.cancel()
            await asyncio.gather(responded, timed_out, return_exceptions=True)
        if not self.acknowledged:
            self._interactions.publish_update(self.interaction)
        return self

    async def wait_for(self, check: Callable[[Self], T | None], timeout: float = 5.0) -> T:  # noqa: ASYNC109 - passed on
        """Return the first truthy result of ``check(self)``, which is called now and after every event."""
        return await self._interactions.state.wait_for(lambda: check(self), timeout)
