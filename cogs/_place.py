"""Where a reply stands: read off the interaction that it answers."""

import discord

from bot.limits import DEFAULT_FILE_BYTES
from bot.runs import Place


def place_of(interaction: discord.Interaction, message_id: int) -> Place:
    """Return the place of the reply ``message_id`` to this interaction.

    The bot reaches the message by itself only where it is a member: in a server that installed it, and in its own
    direct messages. Elsewhere the interaction's token is the only road.
    """
    member = interaction.is_guild_integration() or bool(interaction.context.dm_channel)
    return Place(
        application_id=interaction.application_id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        message_id=message_id,
        token=interaction.token,
        token_expires_at=interaction.expires_at,
        token_only=not member,
        file_limit=_file_limit(interaction) if member else interaction.filesize_limit,
    )


def _file_limit(interaction: discord.Interaction) -> int:
    """Return what the bot itself may upload there: the author's own larger limit ends with the token."""
    return interaction.guild.filesize_limit if interaction.guild else DEFAULT_FILE_BYTES
