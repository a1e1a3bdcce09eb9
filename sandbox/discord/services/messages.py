"""Creating, editing and deleting messages, and reacting to them. Permissions are checked by the callers."""

from dataclasses import replace
from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.errors import AUTOMOD, HARMFUL_LINK, TOO_MANY_REACTIONS, ApiError
from sandbox.discord.serializers import serialize_emoji, serialize_member, serialize_message_event
from sandbox.discord.state.models import (
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
    find_member,
    probe_file,
)
from sandbox.discord.state.state import DiscordState
from sandbox.discord.validation.messages import Mentions, StoreFile

Json = dict[str, Any]

MAX_REACTIONS = 20
BURST_COLORS = ("#f23f43",)


class MessageService:
    """Changes messages, records their versions and publishes the events.

    ``blocked_words`` are what AutoMod refuses in every guild, ``harmful_links`` what the filter of links refuses.
    """

    def __init__(self, state: DiscordState, cdn: Cdn) -> None:
        self.state = state
        self.cdn = cdn
        self.blocked_words: set[str] = set()
        self.harmful_links: set[str] = set()

    def file_store(self, channel: Channel) -> StoreFile:
        """Return the function that stores an upload as a file of a message in ``channel``."""
        return lambda upload: self.store_file(upload, "attachments", channel.id)

    def store_file(self, upload: Upload, folder: str, owner_id: int) -> Attachment:
        """Store a file on the CDN."""
        content_type, width, height = probe_file(upload)
        name = clean_filename(upload.name)
        attachment = Attachment(
            self.state.ids.next(), folder, owner_id, name, upload.data, content_type, width, height,
            title=upload.name.rpartition(".")[0] if name != upload.name else None,
            spoiler=name.startswith("SPOILER_"), ephemeral=folder.startswith("ephemeral"),
        )  # fmt: skip
        return self.cdn.store(attachment)

    def check_blocked_words(self, channel: Channel, body: MessageBody) -> None:
        """Raise ApiError if AutoMod or the filter of harmful links refuses ``body``; neither says because of what."""
        words = body.words.casefold()
        blocked = self.blocked_words | (channel.guild.blocked_words if channel.guild else set())
        if any(word.casefold() in words for word in blocked):
            raise ApiError(AUTOMOD)
        if any(link.casefold() in words for link in self.harmful_links):
            raise ApiError(HARMFUL_LINK)

    def create(
        self, channel: Channel, author: User, body: MessageBody, mentions: Mentions | None = None, **fields: Any
    ) -> Message:
        """Create a message; ``fields`` are further fields of ``Message``."""
        message = Message(self.state.ids.next(), channel, author, self.state.now(), body, **fields)
        self._apply_mentions(message, mentions)
        message.record_version(message.created_at)
        channel.messages[message.id] = message
        self._publish_message("MESSAGE_CREATE", message)
        return message

    def edit(self, message: Message, body: MessageBody, mentions: Mentions | None = None) -> Message:
        """Replace the body; the first body of a deferred message does not count as an edit."""
        loading = message.loading
        message.body = replace(body, flags=body.flags & ~LOADING)
        if loading:
            self._apply_mentions(message, mentions)
        else:
            message.edited_at = self.state.now()
            if mentions is not None:
                message.mentions, message.mention_roles = mentions.users, mentions.roles
        message.record_version(self.state.now())
        self._publish_message("MESSAGE_UPDATE", message)
        return message

    def delete(self, message: Message) -> None:
        message.channel.messages.pop(message.id, None)
        message.deleted_at = self.state.now()
        message.record_version(message.deleted_at)
        data = {"id": str(message.id), "channel_id": str(message.channel.id), **self._guild_id(message.channel)}
        self.state.publish("MESSAGE_DELETE", data, channel=message.channel, message=message, audience=message.audience)

    def add_reaction(self, message: Message, user: User, emoji: Emoji, *, burst: bool = False) -> None:
        """Add a reaction, or a super reaction (``burst``); a repeated one changes nothing."""
        if emoji.key not in message.reactions and len(message.reactions) >= MAX_REACTIONS:
            raise ApiError(TOO_MANY_REACTIONS)
        reaction = message.reactions.setdefault(emoji.key, Reaction(emoji))
        if user in reaction.users_of(burst=burst):
            return
        reaction.users_of(burst=burst).append(user)
        extra: Json = {"message_author_id": str(message.author.id)}
        if (member := find_member(message.channel.guild, user)) is not None:
            extra["member"] = serialize_member(member)
        if burst:
            extra["burst_colors"] = list(BURST_COLORS)
        self._publish_reaction("MESSAGE_REACTION_ADD", message, user, reaction, extra, burst=burst)

    def remove_reaction(self, message: Message, user: User, emoji: Emoji) -> bool:
        """Remove a user's reaction; return whether it existed."""
        reaction = message.reactions.get(emoji.key)
        removed = [burst for burst in (False, True) if reaction is not None and user in reaction.users_of(burst=burst)]
        if reaction is None or not removed:
            return False
        for burst in removed:
            reaction.users_of(burst=burst).remove(user)
        if not reaction.users and not reaction.burst_users:
            del message.reactions[emoji.key]
        for burst in removed:
            self._publish_reaction("MESSAGE_REACTION_REMOVE", message, user, reaction, {}, burst=burst)
        return True

    def clear_reactions(self, message: Message, emoji: Emoji | None = None) -> None:
        """Remove all reactions, or all with one emoji."""
        data: Json = {
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

    def _publish_reaction(
        self, kind: str, message: Message, user: User, reaction: Reaction, extra: Json, *, burst: bool
    ) -> None:
        data = {
            "user_id": str(user.id),
            "channel_id": str(message.channel.id),
            "message_id": str(message.id),
            **self._guild_id(message.channel),
            "emoji": serialize_emoji(reaction),
            "burst": burst,
            "type": int(burst),
            **extra,
        }
        self.state.publish(kind, data, channel=message.channel, message=message, user=user, audience=message.audience)

    def _publish_message(self, kind: str, message: Message) -> None:
        data = serialize_message_event(message, self.cdn, self.state.bot)
        self.state.publish(
            kind, data, channel=message.channel, message=message, user=message.author, audience=message.audience
        )

    @staticmethod
    def _guild_id(channel: Channel) -> dict[str, str]:
        return {"guild_id": str(channel.guild.id)} if channel.guild else {}

    @staticmethod
    def _apply_mentions(message: Message, mentions: Mentions | None) -> None:
        if mentions is None:
            return
        message.mentions, message.mention_roles = mentions.users, mentions.roles
        message.mention_everyone = mentions.everyone
        visible_to = {message.audience.id} if message.audience else mentions.pinged
        message.pinged = mentions.pinged & visible_to
