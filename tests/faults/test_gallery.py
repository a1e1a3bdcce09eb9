"""Results that others like are copied into the server's gallery once, whatever happens in between."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bot.clock import SystemClock
from bot.rules.server_rules import Section, ServerRules
from bot.store.store import Store
from sandbox.discord.state.models import Channel, Message
from tests.faults.environment import BotUnderTest, StartedRun, eventually

POST = "POST /channels/*/messages"
OTHERS = ("noah", "olga", "ada")


async def set_rules(bot: BotUnderTest, change: Callable[[ServerRules], ServerRules]) -> None:
    """Change the rules of the server, as /server does."""
    guild = bot.channel().guild
    assert guild is not None
    store = await Store.open(f"sqlite+aiosqlite:///{bot.folder}/replicord.db", clock=SystemClock(), exclusive=False)
    await store.servers.change_rules(guild.id, Section.GALLERY, change, by=guild.owner_id, at=datetime.now(UTC))
    await store.close()


async def open_gallery(bot: BotUnderTest, name: str = "general") -> Channel:
    """Let the server show in a channel what two others like."""
    channel = bot.channel(name)
    await set_rules(bot, lambda rules: replace(rules, gallery_channel_id=channel.id, gallery_stars=2))
    return channel


def copies(gallery: Channel, run: StartedRun) -> list[Message]:
    """Return the messages in a channel that link to a run and are still there."""
    link = f"/{run.message.id}"
    return [one for one in gallery.messages.values() if not one.deleted and link in str(one.components)]


async def finished(bot: BotUnderTest, **values: object) -> StartedRun:
    run = await bot.generate(**values)  # type: ignore[arg-type]  # options of a command
    await run.wait_until_delivered()
    return run


async def star(bot: BotUnderTest, run: StartedRun, *people: str) -> None:
    for name in people:
        await bot.discord.person(name).react(run.message, "⭐")


async def stars_of(bot: BotUnderTest, run: StartedRun, count: int) -> None:
    """Wait until the bot has counted so many favourites of others than the author."""
    question = (
        "SELECT count(*) AS count FROM favourites f JOIN library_entries e ON e.number = f.number "
        "WHERE e.run_id = ? AND f.user_id <> e.author_id"
    )
    await eventually(lambda: bot.query(question, run.row["id"])[0]["count"] == count)


async def test_enough_stars_bring_one_copy_with_its_count(bot: BotUnderTest) -> None:
    gallery = await open_gallery(bot)
    run = await finished(bot, images=2)
    await star(bot, run, "mia", "noah")
    await stars_of(bot, run, 1)
    assert copies(gallery, run) == []
    await star(bot, run, "olga")
    await run.wait_for(lambda: copies(gallery, run))
    [copy] = copies(gallery, run)
    assert "⭐ 2" in copy.text
    assert "/generate" in copy.text
    assert "Mia" in copy.text
    assert run.prompt not in str(copy.components)  # the author has not allowed it
    assert [file.filename for file in copy.attachments] == run.images
    await bot.discord.person("ada").press(copy, "⭐ Favourite")
    await run.wait_for(lambda: "⭐ 3" in copy.text)
    assert [file.filename for file in copy.attachments] == run.images
    await bot.discord.person("ada").remove_reaction(run.message, "⭐")
    assert copies(gallery, run) == [copy]


async def test_killed_between_the_copy_and_its_row_is_one_post(bot: BotUnderTest) -> None:
    gallery = await open_gallery(bot)
    run = await finished(bot)
    fault = bot.discord.faults.hang_after(POST)
    await star(bot, run, "noah", "olga")
    await eventually(lambda: fault.hits)
    assert len(copies(gallery, run)) == 1
    assert bot.query("SELECT message_id FROM gallery_posts") == [{"message_id": None}]
    bot.discord.skip(3600)  # longer than Discord knows a nonce
    await bot.restart()
    await eventually(lambda: bot.query("SELECT 1 FROM gallery_posts WHERE message_id IS NOT NULL"))
    assert len(copies(gallery, run)) == 1


async def test_killed_before_the_copy_is_sent_is_one_post(bot: BotUnderTest) -> None:
    gallery = await open_gallery(bot)
    run = await finished(bot)
    fault = bot.discord.faults.hang_before(POST)
    await star(bot, run, "noah", "olga")
    await eventually(lambda: fault.hits)
    assert copies(gallery, run) == []
    await bot.restart()
    await run.wait_for(lambda: copies(gallery, run))
    await eventually(lambda: bot.query("SELECT 1 FROM gallery_posts WHERE message_id IS NOT NULL"))
    assert len(copies(gallery, run)) == 1


async def test_erased_while_the_copy_is_sent_leaves_none(bot: BotUnderTest) -> None:
    gallery = await open_gallery(bot)
    run = await finished(bot)
    fault = bot.discord.faults.hang_after(POST)
    await star(bot, run, "noah", "olga")
    await eventually(lambda: fault.hits)
    asked = await bot.mia.use_command(bot.channel(), "privacy delete")
    assert asked.message is not None
    await bot.mia.press(asked.message, "Delete my data")
    await eventually(lambda: not bot.query("SELECT 1 FROM runs"))
    await bot.restart()  # before it has the answer to the post
    await run.wait_for(lambda: not copies(gallery, run))
    await eventually(lambda: not bot.query("SELECT 1 FROM message_removals"))


async def test_killed_while_messages_are_deleted_deletes_the_rest(bot: BotUnderTest) -> None:
    runs = [await finished(bot) for _ in range(2)]
    # The reaction of ❌ goes after the delivery; its request is another one.
    fault = bot.discord.faults.hang_before(
        "DELETE /channels/*/messages/*", when=lambda call: "/reactions/" not in call.path
    )
    asked = await bot.mia.use_command(bot.channel(), "privacy delete")
    assert asked.message is not None
    await bot.mia.press(asked.message, "Delete data and messages")
    await eventually(lambda: fault.hits)
    assert not any(run.message.deleted for run in runs)
    await bot.restart()
    await runs[0].wait_for(lambda: all(run.message.deleted for run in runs))
    await eventually(lambda: not bot.query("SELECT 1 FROM message_removals"))


async def test_a_result_deleted_by_a_moderator_leaves_nothing(bot: BotUnderTest) -> None:
    gallery = await open_gallery(bot)
    run = await finished(bot)
    await star(bot, run, "noah", "olga")
    await run.wait_for(lambda: copies(gallery, run))
    await eventually(lambda: bot.query("SELECT 1 FROM gallery_posts WHERE message_id IS NOT NULL"))
    await eventually(lambda: bot.query("SELECT 1 FROM library_thumbnails"))
    await bot.discord.person("ada").delete(run.message)
    await eventually(lambda: not bot.query("SELECT 1 FROM library_thumbnails"))
    await run.wait_for(lambda: not copies(gallery, run))
    page = await bot.mia.use_command(bot.channel(), "library browse")
    await page.wait_for(lambda shown: "deleted in Discord" in shown.text)


async def test_stars_given_while_the_bot_was_away_count(bot: BotUnderTest) -> None:
    gallery = await open_gallery(bot)
    run = await finished(bot)
    await bot.kill()
    await star(bot, run, "mia", "noah", "olga")
    await bot.start()
    await run.wait_for(lambda: copies(gallery, run))
    await stars_of(bot, run, 2)
    assert len(bot.query("SELECT 1 FROM favourites")) == 3


async def test_nothing_leaves_an_age_restricted_channel(bot: BotUnderTest) -> None:
    gallery = await open_gallery(bot)
    restricted = bot.channel("pictures")
    restricted.nsfw = True
    await bot.restart()
    run = await finished(bot)
    await star(bot, run, *OTHERS)
    await stars_of(bot, run, 3)
    assert copies(gallery, run) == []
    assert bot.query("SELECT 1 FROM gallery_posts") == []
