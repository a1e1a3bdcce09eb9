"""Every change to a message goes through here, whoever makes it: written down, then told to all."""

from dataclasses import replace
from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.errors import AUTOMOD, TOO_MANY_REACTIONS, ApiError
from sandbox.discord.serializers import find_member, serialize_emoji, serialize_member, serialize_message_event
from sandbox.discord.state.models import (
    EPHEMERAL,
    LOADING,
    Attachment,
    Channel,
    Emoji,
    Message,
    MessageBody,
    Reaction,
    Upload,
    User,
    clean_filename,
    probe_file,
)
from sandbox.discord.state.state import DiscordState
from sandbox.discord.validation.messages import Mentions, StoreFile

MAX_REACTIONS = 20


class MessageService:
    """Creates, edits, deletes and reacts; asks nobody for leave, that is its callers' matter."""

    def __init__(self, state: DiscordState, cdn: Cdn) -> None:
        self.state = state
        self.cdn = cdn
        self.blocked_words: set[str] = set()

    def keeper(self, channel: Channel) -> StoreFile:
        """Return what turns an upload into a file of a message in ``channel``."""
        return lambda upload: self.keep(upload, "attachments", channel.id)

    def keep(self, upload: Upload, folder: str, owner_id: int) -> Attachment:
        """Put a file on the CDN."""
        content_type, width, height = probe_file(upload)
        name = clean_filename(upload.name)
        kept = Attachment(
            self.state.ids.next(), folder, owner_id, name, upload.data, content_type, width, height,
            title=upload.name.rpartition(".")[0] if name != upload.name else None,
            spoiler=name.startswith("SPOILER_"), ephemeral=folder.startswith("ephemeral"),
        )  # fmt: skip
        return self.cdn.keep(kept)

    def check_words(self, channel: Channel, body: MessageBody) -> None:
        """Raise when AutoMod does not let ``body`` through."""
        blocked = self.blocked_words | (channel.guild.blocked_words if channel.guild else set())
        if any(word.casefold() in body.text.casefold() for word in blocked):
            raise ApiError(AUTOMOD)

    def create(
        self, channel: Channel, author: User, body: MessageBody, mentions: Mentions | None = None, **about: Any
    ) -> Message:
        """Write a new message; ``about`` are further fields of ``Message``."""
        message = Message(self.state.ids.next(), channel, author, self.state.now(), body, **about)
        self._mention(message, mentions)
        message.record(message.created_at)
        channel.messages[message.id] = message
        self._tell("MESSAGE_CREATE", message)
        return message

    def edit(self, message: Message, body: MessageBody, mentions: Mentions | None = None) -> Message:
        """Change what a message says; filling in a “thinking” one does not make it an edited one."""
        thinking = message.loading
        message.body = replace(body, flags=body.flags & ~LOADING)
        if thinking:
            self._mention(message, mentions)
        else:
            message.edited_at = self.state.now()
            if mentions is not None:
                message.mentions, message.mention_roles = mentions.users, mentions.roles
        message.record(self.state.now())
        self._tell("MESSAGE_UPDATE", message)
        return message

    def delete(self, message: Message) -> None:
        """Take a message away."""
        message.channel.messages.pop(message.id, None)
        message.deleted_at = self.state.now()
        message.record(message.deleted_at)
        data = {"id": str(message.id), "channel_id": str(message.channel.id), **self._guild_id(message.channel)}
        self.state.publish("MESSAGE_DELETE", data, channel=message.channel, message=message, audience=message.audience)

    def react(self, message: Message, user: User, emoji: Emoji) -> None:
        """Put an emoji under a message; once more by the same person changes nothing."""
        if emoji.key not in message.reactions and len(message.reactions) >= MAX_REACTIONS:
            raise ApiError(TOO_MANY_REACTIONS)
        reaction = message.reactions.setdefault(emoji.key, Reaction(emoji))
        if user in reaction.users:
            return
        reaction.users.append(user)
        member = find_member(message.channel.guild, user)
        extra: dict[str, Any] = {"member": serialize_member(member)} if member else {}
        self._tell_reaction(
            "MESSAGE_REACTION_ADD", message, user, reaction, {"message_author_id": str(message.author.id), **extra}
        )

    def remove_reaction(self, message: Message, user: User, emoji: Emoji) -> bool:
        """Take someone's emoji away and return whether it was there."""
        reaction = message.reactions.get(emoji.key)
        if reaction is None or user not in reaction.users:
            return False
        reaction.users.remove(user)
        if not reaction.users:
            del message.reactions[emoji.key]
        self._tell_reaction("MESSAGE_REACTION_REMOVE", message, user, reaction, {})
        return True

    def clear(self, message: Message, emoji: Emoji | None = None) -> None:
        """Take one emoji of everybody, or all emoji, away."""
        data: dict[str, Any] = {
            "channel_id": str(message.channel.id),
            "message_id": str(message.id),
            **self._guild_id(message.channel),
        }
        if emoji is None:
            message.reactions.clear()
            self.state.publish("MESSAGE_REACTION_REMOVE_ALL", data, channel=message.channel, message=message)
        elif (reaction := message.reactions.pop(emoji.key, None)) is not None:
            data |= {"emoji": serialize_emoji(reaction)}
            self.state.publish("MESSAGE_REACTION_REMOVE_EMOJI", data, channel=message.channel, message=message)

    def _tell_reaction(
        self, kind: str, message: Message, user: User, reaction: Reaction, extra: dict[str, Any]
    ) -> None:
        data = {
            "user_id": str(user.id),
            "channel_id": str(message.channel.id),
            "message_id": str(message.id),
            **self._guild_id(message.channel),
            "emoji": serialize_emoji(reaction),
            "burst": False,
            "type": 0,
            **extra,
        }
        channel, audience = message.channel, message.audience
        self.state.publish(kind, data, channel=channel, message=message, user=user, audience=audience)

    def _tell(self, kind: str, message: Message) -> None:
        data = serialize_message_event(message, self.cdn, self.state.bot)
        about = {"channel": message.channel, "message": message, "user": message.author, "audience": message.audience}
        self.state.publish(kind, data, **about)

    @staticmethod
    def _guild_id(channel: Channel) -> dict[str, str]:
        return {"guild_id": str(channel.guild.id)} if channel.guild else {}

    @staticmethod
    def _mention(message: Message, mentions: Mentions | None) -> None:
        if mentions is None:
            return
        message.mentions, message.mention_roles = mentions.users, mentions.roles
        message.mention_everyone = mentions.everyone
        seen_by = {message.audience.id} if message.audience else mentions.pinged
        message.pinged = mentions.pinged & seen_by


def is_ephemeral(body: MessageBody) -> bool:
    """Return whether the flags make the message one person's."""
    return bool(body.flags & EPHEMERAL)
