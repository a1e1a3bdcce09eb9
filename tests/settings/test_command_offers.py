"""Where and to whom Discord offers a command, as configured in COMMANDS_FILE."""

from pathlib import Path

import discord
import pytest

from bot.actor import Context
from bot.settings.commands import CommandOffer, read_commands
from bot.settings.permissions import PERMISSIONS


def read_offer(folder: Path, *lines: str) -> CommandOffer:
    path = folder / "commands.toml"
    path.write_text("\n".join(["[draw]", 'model = "a/b"', *lines]), encoding="utf-8")
    return read_commands(path)[0].offer


def test_a_command_is_offered_to_everybody_unless_configured(tmp_path: Path) -> None:
    assert read_offer(tmp_path) == CommandOffer()
    offer = read_offer(
        tmp_path,
        "nsfw = true",
        'default_member_permissions = ["manage_messages", "attach_files"]',
        'contexts = ["server", "bot_dm"]',
    )
    assert offer.age_restricted
    assert offer.permissions == discord.Permissions(manage_messages=True, attach_files=True).value
    assert offer.contexts == {Context.SERVER, Context.BOT_DM}
    assert read_offer(tmp_path, 'contexts = "server"').contexts == {Context.SERVER}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nsfw = 1", "nsfw must be true or false"),
        ('contexts = ["guild"]', "contexts: there is no “guild”. Valid names: bot_dm, private_channel, server"),
        ("contexts = []", "contexts must name at least one of"),
        ("contexts = [1]", "contexts must be a list of names"),
        ('default_member_permissions = "ban"', "default_member_permissions: there is no “ban”"),
        ("default_member_permissions = 8", "must be a list of names"),
    ],
)
def test_a_wrong_offer_is_explained(tmp_path: Path, line: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"\[draw\]") as caught:
        read_offer(tmp_path, line)
    assert sentence in str(caught.value)


def test_permissions_have_discords_bits() -> None:
    flags = {name: 1 << number for name, number in PERMISSIONS.items()}
    assert flags.items() <= dict(discord.Permissions.VALID_FLAGS).items()
    assert sum(flags.values()) == discord.Permissions.all().value
