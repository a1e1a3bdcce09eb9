"""Discord's tokens die, its limits bite, its gateway drops, rights are missing: no run is disturbed."""

import pytest

from bot.limits import INTERACTION_TOKEN_LIFE
from sandbox.discord.state.permissions import Permission
from tests.faults.conftest import Open
from tests.faults.environment import Asked, Stage, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIFE = INTERACTION_TOKEN_LIFE.total_seconds()
HOUR = 3600.0


async def halfway(stage: Stage, *, images: int = 5, where: str = "pictures") -> Asked:
    """Return a run that has shown its first image."""
    asked = await stage.ask(images=images, where=stage.channel(where))
    await asked.until(lambda: asked.images)
    return asked


def edits_by_bot(stage: Stage, asked: Asked) -> int:
    return sum(
        call.method == "PATCH" and call.path.startswith("/channels/") and call.path.endswith(str(asked.message.id))
        for call in stage.discord.calls
    )


def refuse_old_edits(stage: Stage) -> None:
    stage.discord.faults.refuse_old_edits()
    stage.discord.services.old_edits.seconds = 0.1  # discord.py itself tries five times, so long apart


async def test_the_bot_edits_as_itself_after_fifteen_minutes(shared: Stage) -> None:
    asked = await halfway(shared)
    shared.discord.skip(LIFE)  # the token is dead, and the bot's own clock does not know
    await asked.sound(images=5)
    assert edits_by_bot(shared, asked) >= 1
    assert asked.replies == []


async def test_a_token_that_expired_while_offline_is_no_problem(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.faults.add("never-ends", after=2)
        asked = await halfway(stage)
        await stage.kill()
        stage.passed(LIFE)
        await stage.start()
        await stage.mia.press(asked.message, "Cancel")
        await asked.sound("canceled")
        assert edits_by_bot(stage, asked) >= 1


async def test_after_an_hour_only_the_last_edit_is_made(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.faults.add("never-ends", after=2)
        asked = await halfway(stage)
        await stage.kill()
        stage.passed(HOUR + 60)
        states = len(asked.message.history)
        await stage.start()
        await stage.mia.press(asked.message, "Cancel")
        await asked.sound("canceled")
        assert len(asked.message.history) == states + 1


async def test_after_an_hour_a_new_message_brings_the_result(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.faults.add("never-ends", after=2)
        asked = await halfway(stage)
        await stage.kill()
        stage.passed(HOUR + 60)
        refuse_old_edits(stage)
        await stage.start()
        await stage.mia.press(asked.message, "Cancel")
        await asked.settled()
        assert asked.state == "canceled"
        [reply] = asked.replies
        assert "Stopped by" in reply.text.replace("**", "")
        brought = {one.filename for one in reply.attachments if one.filename.startswith("generate-")}
        assert len(brought) == len(asked.predictions[0].output)
        assert stage.mia.user.id in reply.pinged


async def test_a_refused_edit_of_an_old_message_stops_no_run(shared: Stage) -> None:
    asked = await halfway(shared)
    shared.discord.skip(HOUR + 60)
    old = shared.discord.services.old_edits.allowed
    refuse_old_edits(shared)
    try:
        await asked.settled()
        assert asked.state == "succeeded"
        [reply] = asked.replies
        assert "Done" in reply.text
    finally:
        shared.discord.services.old_edits.allowed = old


@pytest.mark.parametrize("everything", [False, True])
async def test_a_429_delays_and_loses_nothing(shared: Stage, everything: bool) -> None:  # noqa: FBT001  # a case
    throttle = shared.discord.faults.throttle_all if everything else shared.discord.faults.throttle
    throttle("PATCH *", seconds=0.6, times=3)
    asked = await shared.ask(images=3)
    await asked.sound(images=3)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_5xx_delays_and_loses_nothing(shared: Stage, status: int) -> None:
    shared.discord.faults.fail("PATCH *", status=status, times=2)
    asked = await shared.ask(images=3)
    await asked.sound(images=3)


@pytest.mark.parametrize("how", ["cut_before", "cut_after"])
async def test_a_lost_upload_response_uploads_nothing_twice(shared: Stage, how: str) -> None:
    getattr(shared.discord.faults, how)("PATCH *", times=2)
    asked = await shared.ask(images=3)
    await asked.sound(images=3)


@pytest.mark.parametrize("how", ["resume", "no resume", "reconnect", "invalid session", "zombie-like close"])
async def test_a_gateway_reconnect_disturbs_no_run(shared: Stage, how: str) -> None:
    faults = shared.discord.faults
    asked = await halfway(shared)
    match how:
        case "resume":
            faults.drop_gateway()
        case "no resume":
            faults.drop_gateway(resumable=False)
        case "reconnect":
            faults.request_reconnect()
        case "invalid session":
            faults.invalidate_session()
        case _:
            faults.close_gateway(4000)
    await asked.sound(images=5)
    await asked.until(lambda: shared.discord.gateway.connected)
    await (await shared.ask(images=1)).sound(images=1)


async def test_deleting_the_message_cancels_the_run(shared: Stage) -> None:
    asked = await halfway(shared, images=20)
    await shared.discord.person("ada").delete(asked.message)
    await asked.settled()
    assert asked.state == "canceled"
    assert asked.predictions[0].status == "canceled"
    assert asked.replies == []


async def test_deleting_the_channel_cancels_the_run(house_of: Open) -> None:
    async with house_of() as stage:
        asked = await halfway(stage, images=20)
        channel = asked.message.channel
        del stage.discord.state.channels[channel.id]
        channel.messages.clear()
        stage.discord.faults.expire_tokens()
        await asked.settled()
        assert asked.state == "canceled"
        assert asked.predictions[0].status == "canceled"


async def test_without_reactions_the_button_cancels(shared: Stage) -> None:
    channel = shared.channel("general")
    shared.discord.faults.deny_permission(channel, Permission.ADD_REACTIONS)
    try:
        asked = await halfway(shared, images=20, where="general")
        await asked.until(lambda: "I may not add reactions here" in asked.words)
        assert not asked.message.reaction_users("❌")
        await shared.mia.press(asked.message, "Cancel")
        await asked.sound("canceled")
        assert asked.words.count("I may not add reactions here") == 1
    finally:
        shared.discord.faults.allow_permission(channel, Permission.ADD_REACTIONS)


async def test_without_attach_files_the_text_is_shown(house_of: Open) -> None:
    async with house_of() as stage:
        channel = stage.channel("pictures")
        stage.discord.faults.deny_permission(channel, Permission.ATTACH_FILES)
        stage.replicate.faults.add("slow-start", seconds=1)
        asked = await stage.ask(images=2)
        await eventually(lambda: asked.state == "submitted")
        await stage.kill()
        stage.passed(LIFE)  # the token needs no right in the channel; the bot does
        await stage.start()
        await asked.sound(images=0)
        assert "I may not attach files in this channel" in asked.words


async def test_losing_view_channel_is_reported_while_possible(shared: Stage) -> None:
    channel = shared.channel("general")
    asked = await halfway(shared, images=5, where="general")
    shared.discord.faults.deny_permission(channel, Permission.VIEW_CHANNEL)
    try:
        await asked.sound(images=5)  # the token road needs no right
    finally:
        shared.discord.faults.allow_permission(channel, Permission.VIEW_CHANNEL)


async def test_few_permissions_still_bring_the_result(shared: Stage) -> None:
    asked = await shared.ask(images=2, where=shared.channel("quiet"))
    await asked.sound(images=2)


async def test_output_blocked_by_automod_is_reported(shared: Stage) -> None:
    asked = await shared.talk("Tell me about badgers in 80 words.")
    shared.discord.faults.block_text("badgers")
    await asked.settled()
    assert asked.state == "succeeded"
    assert "AutoMod" in asked.words


async def test_a_user_install_warns_before_the_token_expires(house_of: Open) -> None:
    async with house_of() as stage:
        stage.mia.user.installed = True
        stage.replicate.faults.add("never-ends", after=1)
        asked = await stage.ask(where=stage.discord.state.dm("mia", "noah"), images=4)
        await asked.until(lambda: asked.images)
        assert asked.row["token_only"] == 1
        await stage.kill()
        stage.passed(LIFE - 40)  # within seconds the only road closes
        await stage.start()
        await asked.until(lambda: "Show the result" in asked.message.buttons)
        assert "15 minutes" in asked.words
        assert not any(call.method == "PUT" and "/reactions/" in call.path for call in stage.discord.calls)
        stage.discord.skip(60)
        await stage.mia.press(asked.message, "Show the result")
        await stage.mia.press(asked.message, "Cancel")
        await asked.sound("canceled")
        assert edits_by_bot(stage, asked) == 0
