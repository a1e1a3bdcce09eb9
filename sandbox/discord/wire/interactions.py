"""Interactions, in Discord's JSON: what the application gets, and what it gets back for its answer."""

from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.wire import messages, people, places
from sandbox.discord.world.interaction import CallbackType, Interaction, InteractionType
from sandbox.discord.world.message import Message
from sandbox.discord.world.permissions import OF_VISITING_APP, permissions_in
from sandbox.discord.world.user import User

Json = dict[str, Any]


def interaction(what: Interaction, cdn: Cdn, bot: User) -> Json:
    """Return the payload of INTERACTION_CREATE."""
    channel, guild = what.channel, what.channel.guild
    rights = permissions_in(channel, what.user)
    data: Json = {
        "version": 1,
        "id": str(what.id),
        "application_id": str(bot.id),
        "type": int(what.type),
        "token": what.token,
        "data": what.data,
        "channel_id": str(channel.id),
        "channel": {**places.channel(channel, bot), "permissions": str(int(rights))},
        "app_permissions": str(int(permissions_in(channel, bot) or OF_VISITING_APP)),
        "locale": "en-US",
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": dict(what.owners),
        "context": what.context,
        "attachment_size_limit": what.file_limit,
    }
    member = people.member_of(guild, what.user)
    if guild is not None and member is not None:
        data["guild_id"] = str(guild.id)
        data["guild"] = {"id": str(guild.id), "locale": "en-US", "features": []}
        data["guild_locale"] = "en-US"
        data["member"] = {**people.member(member), "permissions": str(int(rights))}
    else:
        data["user"] = people.user(what.user)
    if what.message is not None:
        data["message"] = messages.message(what.message, cdn, bot)
    return data


def metadata(what: Interaction, answered: Message | None = None) -> Json:
    """Return what a message tells about the interaction that it answers."""
    data: Json = {
        "id": str(what.id),
        "type": int(what.type),
        "user": people.user(what.user),
        "authorizing_integration_owners": dict(what.owners),
    }
    if what.type is InteractionType.COMMAND:
        data |= {"name": what.data["name"], "command_type": what.command_type}
        if what.command_type == 3:
            data["target_message_id"] = what.data["target_id"]
        elif what.command_type == 2:
            data["target_user"] = next(iter(what.data["resolved"]["users"].values()))
    elif what.type is InteractionType.COMPONENT and what.message is not None:
        data["interacted_message_id"] = str(what.message.id)
    elif what.trigger is not None:
        data["triggering_interaction_metadata"] = metadata(what.trigger)
    if answered is not None:
        data["original_response_message_id"] = str(answered.id)
    return data


def callback(what: Interaction, cdn: Cdn, bot: User) -> Json:
    """Return what a callback with ``with_response`` gets."""
    answer = what.answer or CallbackType.PONG
    told: Json = {"id": str(what.id), "type": int(what.type)}
    told["channel_id"] = str(what.channel.id)
    if what.channel.guild is not None:
        told["guild_id"] = str(what.channel.guild.id)
    data: Json = {"interaction": told}
    if what.original is None:
        return data
    told |= {
        "response_message_id": str(what.original.id),
        "response_message_loading": what.original.thinking,
        "response_message_ephemeral": what.original.ephemeral,
    }
    if answer in {CallbackType.MESSAGE, CallbackType.UPDATE_MESSAGE}:
        data["resource"] = {"type": int(answer), "message": messages.message(what.original, cdn, bot)}
    return data
