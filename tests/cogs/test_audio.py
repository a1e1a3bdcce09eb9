"""Audio as people get it: below the card, with a player; and what they do with it."""

from collections.abc import Mapping

import pytest

from sandbox.discord.person import Person
from sandbox.discord.state.models import COMPONENTS_V2, Channel, Message
from sandbox.environment import Environment
from tests.app.conftest import answered, eventually, over, reached
from tests.cogs.conftest import delivered
from tests.cogs.test_results import private_answer, rows


@pytest.fixture
def settings() -> Mapping[str, str]:
    return {"COMMANDS": "sing=sandbox/singer"}


async def sing(
    environment: Environment, who: Person, where: Channel, *, private: bool = False
) -> tuple[Message, Message]:
    """Return the card of a song and the message with its player."""
    given = {"prompt": "a lullaby", **({"visibility": "private"} if private else {})}
    card = answered(await who.use_command(where, "sing", given))
    await reached(environment, lambda: over(card) and find_players(card))
    (player,) = find_players(card)
    return card, player


async def press_in_menu(environment: Environment, person: Person, card: Message, button: str, *answer: str) -> Message:
    """Open the menu of a result, press a button of it, and return the private message as it is then."""
    await delivered(environment, card)
    menu = await private_answer(await person.press(card, "⋯"), "/sing", beside=card)
    return await private_answer(await person.press(menu, button), *answer)


def find_players(card: Message) -> list[Message]:
    """Return the messages below a card that have a file."""
    return [one for one in card.channel.messages.values() if one.reference is card and one.attachments]


async def test_a_song_is_played_covered_copied_and_deleted(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    card, player = await sing(environment, mia, pictures)
    assert "Done" in card.text
    assert card.attachments == ()
    (song,) = player.attachments
    assert song.filename == "sing-01.wav"
    assert (player.body.components, player.body.flags & COMPONENTS_V2) == ((), 0)
    await eventually(lambda: rows(environment, "SELECT delivered_at FROM runs")[0]["delivered_at"])
    stored = rows(environment, "SELECT message_id, attachment_id, mime FROM run_outputs")
    assert stored == [{"message_id": player.id, "attachment_id": song.id, "mime": "audio/wav"}]

    await press_in_menu(environment, mia, card, "Cover with a spoiler", "behind a spoiler")
    assert [one.spoiler for one in player.attachments] == [True]
    await press_in_menu(environment, mia, card, "Remove the spoiler", "spoiler is gone")
    assert [one.spoiler for one in player.attachments] == [False]

    await press_in_menu(environment, mia, card, "Send to my DMs", "Sent")
    chat = environment.discord.state.open_dm({mia.user, environment.discord.state.bot})
    (copy,) = [one for one in chat.messages.values() if one.attachments]
    assert copy.body.components == ()

    menu = await press_in_menu(environment, mia, card, "Delete…", "Delete this result?")
    await private_answer(await mia.press(menu, "Delete"), "Deleted")
    assert card.deleted
    assert player.deleted


async def test_a_private_song_is_its_authors_alone(environment: Environment, mia: Person, pictures: Channel) -> None:
    card, player = await sing(environment, mia, pictures, private=True)
    assert player.ephemeral
    assert [one.filename for one in player.attachments] == ["sing-01.wav"]
    await press_in_menu(environment, mia, card, "Send to my DMs", "Sent")
    chat = environment.discord.state.open_dm({mia.user, environment.discord.state.bot})
    assert [one.filename for message in chat.messages.values() for one in message.attachments] == ["sing-01.wav"]


async def test_a_player_out_of_reach_is_its_persons_to_delete(environment: Environment, mia: Person) -> None:
    mia.user.installed = True
    card, player = await sing(environment, mia, environment.discord.state.channel("lobby"))
    await delivered(environment, card)
    await environment.bot.kill()  # with it goes the token of the command, as after fifteen minutes
    await environment.start_bot()
    menu = await private_answer(await mia.press(card, "⋯"), "delete them yourself", beside=card)
    assert not {"Remove a file…", "Delete…"} & set(menu.buttons)
    await mia.delete(player)
    assert player.deleted
