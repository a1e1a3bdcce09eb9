"""A private sentence to the person who asked, whatever was answered before."""

import discord

from bot.limits import CONTENT_CHARS


async def respond(interaction: discord.Interaction, sentence: str) -> None:
    """Show ``sentence`` to the person alone; a public reply that is still empty makes way for it.

    A deferred public reply cannot turn private, so it is deleted first; what follows may be private again.
    """
    text = sentence[:CONTENT_CHARS]
    if not interaction.response.is_done():
        await interaction.response.send_message(text, ephemeral=True)
        return
    if interaction.response.type is discord.InteractionResponseType.deferred_channel_message:
        await interaction.delete_original_response()
    await interaction.followup.send(text, ephemeral=True)
