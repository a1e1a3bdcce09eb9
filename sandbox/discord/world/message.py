"""A message, every state it ever had, and the reactions under it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.discord.world import components as parts

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.discord.world.attachment import Attachment
    from sandbox.discord.world.channel import Channel
    from sandbox.discord.world.emoji import Emoji
    from sandbox.discord.world.user import User

Json = dict[str, Any]

EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_EMBEDS = 1 << 2
SUPPRESS_NOTIFICATIONS = 1 << 12
COMPONENTS_V2 = 1 << 15


@dataclass(frozen=True, slots=True)
class Body:
    """What a message says at one moment."""

    content: str = ""
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    flags: int = 0

    @property
    def text(self) -> str:
        """All words that a reader sees, in reading order."""
        embedded = (embed.get(key) for embed in self.embeds for key in ("title", "description"))
        said = [self.content, *(text for text in embedded if text), *parts.words(self.components)]
        return "\n".join(text for text in said if text)

    @property
    def pictures(self) -> tuple[Attachment, ...]:
        """The attached images that a reader sees: with components V2 only those that a component shows."""
        images = [item for item in self.attachments if (item.content_type or "").startswith("image/")]
        if self.flags & COMPONENTS_V2:
            shown = {item["url"].removeprefix("attachment://") for item in parts.media(self.components)}
            images = [item for item in images if item.filename in shown]
        return tuple(images)


@dataclass(frozen=True, slots=True)
class State:
    """What a message was from ``at`` on."""

    at: datetime
    body: Body
    deleted: bool = False


@dataclass(slots=True, eq=False)
class Reaction:
    """One emoji under a message and who put it there, in that order."""

    emoji: Emoji
    users: list[User] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Message:
    """A message; ``audience`` is the one person who sees it when it is ephemeral.

    ``pinged`` holds the ids of the users whose client really rang.
    """

    id: int
    channel: Channel
    author: User
    created_at: datetime
    body: Body
    type: int = 0
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    audience: User | None = None
    mentions: tuple[User, ...] = ()
    mention_roles: tuple[int, ...] = ()
    mention_everyone: bool = False
    pinged: frozenset[int] = frozenset()
    nonce: str | int | None = None
    reference: Message | None = None
    interaction: Json | None = None
    application_id: int | None = None
    webhook_id: int | None = None
    reactions: dict[str, Reaction] = field(default_factory=dict)
    history: list[State] = field(default_factory=list, repr=False)

    @property
    def content(self) -> str:
        """The text outside components."""
        return self.body.content

    @property
    def components(self) -> tuple[Json, ...]:
        """The components, as the bot sent them."""
        return self.body.components

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Every file of the message, those that components show included."""
        return self.body.attachments

    @property
    def text(self) -> str:
        """All words that a reader sees now."""
        return self.body.text

    @property
    def pictures(self) -> tuple[Attachment, ...]:
        """The images that a reader sees now."""
        return self.body.pictures

    @property
    def thinking(self) -> bool:
        """Whether it still says “… is thinking”."""
        return bool(self.body.flags & LOADING)

    @property
    def ephemeral(self) -> bool:
        """Whether only one person sees it."""
        return self.audience is not None

    @property
    def deleted(self) -> bool:
        """Whether it is gone."""
        return self.deleted_at is not None

    @property
    def buttons(self) -> tuple[str, ...]:
        """The labels of its buttons, in reading order."""
        found = parts.walk(self.components)
        return tuple(item.get("label", "") for item in found if item["type"] == parts.ComponentType.BUTTON)

    def reacted(self, emoji: str) -> tuple[User, ...]:
        """Return who reacted with ``emoji``."""
        reaction = self.reactions.get(emoji)
        return tuple(reaction.users) if reaction else ()

    def record(self, at: datetime) -> None:
        """Remember the present state."""
        self.history.append(State(at, self.body, self.deleted))
