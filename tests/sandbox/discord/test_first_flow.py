"""The main flow with a real discord.py bot."""

import io
from typing import Any

import discord
from discord import app_commands, ui

from sandbox.discord import DiscordStandIn, Upload
from tests.sandbox.discord.discord_py import Bot, running_bot
from tests.sandbox.discord.http_client import make_image


class Card(ui.LayoutView):
    def __init__(self, text: str, files: list[str]) -> None:
        super().__init__(timeout=None)
        box: ui.Container[Any] = ui.Container(ui.TextDisplay(text))
        if files:
            box.add_item(ui.MediaGallery(*(discord.MediaGalleryItem(f"attachment://{name}") for name in files)))
        box.add_item(ui.ActionRow(ui.Button(label="Cancel", custom_id="run:cancel:1")))
        self.add_item(box)


async def test_command_with_file_defer_edit_and_reaction(
    standin: DiscordStandIn,
) -> None:
    bot = Bot()
    received: list[bytes] = []

    @bot.tree.command(description="Make an image")
    @app_commands.describe(prompt="What", subject="Subject")
    async def generate(interaction: discord.Interaction[Bot], prompt: str, subject: discord.Attachment) -> None:
        await interaction.response.defer()
        received.append(await subject.read())
        first = discord.File(io.BytesIO(make_image("blue")), "1.png")
        await interaction.edit_original_response(view=Card(prompt, ["1.png"]), attachments=[first])

    async with running_bot(bot, standin):
        await bot.tree.sync()
        mia, general = standin.person("mia"), standin.state.channel("general")
        face = make_image("green")
        result = await mia.use_command(general, "generate", {"prompt": "a fox", "subject": Upload("me.png", face)})
        assert result.acknowledged
        message = result.message
        assert message is not None
        await standin.state.wait_for(lambda: message.images)
        assert received == [face]
        assert message.text == "a fox"
        assert message.buttons == ("Cancel",)
        await mia.react(message, "❌")
        (event,) = await bot.wait_for_event("raw_reaction_add")
        assert (event.user_id, event.message_id, str(event.emoji)) == (mia.user.id, message.id, "❌")
