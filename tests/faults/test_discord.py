"""Discord's tokens die, its limits bite, its gateway drops, rights are missing: no run is disturbed."""

from typing import Any

import pytest

from bot.limits import INTERACTION_TOKEN_LIFE
from sandbox.discord.state.permissions import Permission
from sandbox.request_log import Call
from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, StartedRun, eventually, has_image, shows_end

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIFE = INTERACTION_TOKEN_LIFE.total_seconds()
HOUR = 3600.0


async def halfway(bot: BotUnderTest, *, images: int = 5, where: str = "pictures") -> StartedRun:
    """Return a run that has shown its first image."""
    run = await bot.generate(images=images, where=bot.channel(where))
    await run.wait_for(lambda: run.images)
    return run


def edits_by_bot(bot: BotUnderTest, run: StartedRun) -> int:
    return sum(
        call.method == "PATCH" and call.path.startswith("/channels/") and call.path.endswith(str(run.message.id))
        for call in bot.discord.calls
    )


def refuse_old_edits(bot: BotUnderTest) -> None:
    bot.discord.faults.refuse_old_edits()
    bot.discord.services.old_edits.seconds = 0.1  # discord.py itself tries five times, so long apart


async def test_the_bot_edits_as_itself_after_fifteen_minutes(shared_bot: BotUnderTest) -> None:
    run = await halfway(shared_bot)
    shared_bot.discord.skip(LIFE)  # the token is dead, and the bot's own clock does not know
    await run.assert_consistent(images=5)
    assert edits_by_bot(shared_bot, run) >= 1
    assert run.follow_ups == []


async def test_a_token_that_expired_while_offline_is_no_problem(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("never-ends", after=2)
        run = await halfway(bot)
        await bot.kill()
        bot.advance(LIFE)
        await bot.start()
        await bot.mia.press(run.message, "Cancel")
        await run.assert_consistent("canceled")
        assert edits_by_bot(bot, run) >= 1


async def test_after_an_hour_only_the_last_edit_is_made(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("never-ends", after=2)
        run = await halfway(bot)
        await bot.kill()
        bot.advance(HOUR + 60)
        states = len(run.message.history)
        await bot.start()
        await bot.mia.press(run.message, "Cancel")
        await run.assert_consistent("canceled")
        assert len(run.message.history) == states + 1


async def test_after_an_hour_a_new_message_brings_the_result(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("never-ends", after=2)
        run = await halfway(bot)
        await bot.kill()
        bot.advance(HOUR + 60)
        refuse_old_edits(bot)
        await bot.start()
        await bot.mia.press(run.message, "Cancel")
        await run.wait_until_delivered()
        assert run.state == "canceled"
        [reply] = run.follow_ups
        assert "Stopped by" in reply.text.replace("**", "")
        brought = {one.filename for one in reply.attachments if one.filename.startswith("generate-")}
        assert len(brought) == len(run.predictions[0].output)
        assert bot.mia.user.id in reply.pinged


async def test_a_refused_edit_of_an_old_message_stops_no_run(shared_bot: BotUnderTest) -> None:
    run = await halfway(shared_bot)
    shared_bot.discord.skip(HOUR + 60)
    old = shared_bot.discord.services.old_edits.allowed
    refuse_old_edits(shared_bot)
    try:
        await run.wait_until_delivered()
        assert run.state == "succeeded"
        [reply] = run.follow_ups
        assert "Done" in reply.text
    finally:
        shared_bot.discord.services.old_edits.allowed = old


@pytest.mark.parametrize("everything", [False, True])
async def test_a_429_delays_and_loses_nothing(shared_bot: BotUnderTest, everything: bool) -> None:  # noqa: FBT001  # a case
    throttle = shared_bot.discord.faults.throttle_all if everything else shared_bot.discord.faults.throttle
    throttle("PATCH *", seconds=0.6, times=3)
    run = await shared_bot.generate(images=3)
    await run.assert_consistent(images=3)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_5xx_delays_and_loses_nothing(shared_bot: BotUnderTest, status: int) -> None:
    shared_bot.discord.faults.fail("PATCH *", status=status, times=2)
    run = await shared_bot.generate(images=3)
    await run.assert_consistent(images=3)


@pytest.mark.parametrize("how", ["cut_before", "cut_after"])
async def test_a_lost_upload_response_uploads_nothing_twice(shared_bot: BotUnderTest, how: str) -> None:
    getattr(shared_bot.discord.faults, how)("PATCH *", times=2)
    run = await shared_bot.generate(images=3)
    await run.assert_consistent(images=3)


@pytest.mark.parametrize("how", ["resume", "no resume", "reconnect", "invalid session", "zombie-like close"])
async def test_a_gateway_reconnect_disturbs_no_run(shared_bot: BotUnderTest, how: str) -> None:
    faults = shared_bot.discord.faults
    run = await halfway(shared_bot)
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
    await run.assert_consistent(images=5)
    await run.wait_for(lambda: shared_bot.discord.gateway.connected)
    await (await shared_bot.generate(images=1)).assert_consistent(images=1)


async def test_deleting_the_message_cancels_the_run(shared_bot: BotUnderTest) -> None:
    run = await halfway(shared_bot, images=20)
    await shared_bot.discord.person("ada").delete(run.message)
    await run.wait_until_delivered()
    assert run.state == "canceled"
    assert run.predictions[0].status == "canceled"
    assert run.follow_ups == []


async def test_deleting_the_channel_cancels_the_run(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        run = await halfway(bot, images=20)
        channel = run.message.channel
        del bot.discord.state.channels[channel.id]
        channel.messages.clear()
        bot.discord.faults.expire_tokens()
        await run.wait_until_delivered()
        assert run.state == "canceled"
        assert run.predictions[0].status == "canceled"


async def test_without_reactions_the_button_cancels(shared_bot: BotUnderTest) -> None:
    channel = shared_bot.channel("general")
    shared_bot.discord.faults.deny_permission(channel, Permission.ADD_REACTIONS)
    try:
        run = await halfway(shared_bot, images=20, where="general")
        await run.wait_for(lambda: "I don't have permission to add reactions here" in run.card_text)
        assert not run.message.reaction_users("❌")
        await shared_bot.mia.press(run.message, "Cancel")
        await run.assert_consistent("canceled")
        assert "permission to add reactions" not in run.card_text  # there is nothing to stop any more
    finally:
        shared_bot.discord.faults.allow_permission(channel, Permission.ADD_REACTIONS)


async def test_without_attach_files_the_text_is_shown(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        channel = bot.channel("pictures")
        bot.discord.faults.deny_permission(channel, Permission.ATTACH_FILES)
        bot.replicate.faults.add("slow-start", seconds=1)
        run = await bot.generate(images=2)
        await eventually(lambda: run.state == "submitted")
        await bot.kill()
        bot.advance(LIFE)  # the token needs no right in the channel; the bot does
        await bot.start()
        await run.assert_consistent(images=0)
        assert "I don't have permission to attach files in this channel" in run.card_text


async def test_losing_view_channel_is_reported_while_possible(shared_bot: BotUnderTest) -> None:
    channel = shared_bot.channel("general")
    run = await halfway(shared_bot, images=5, where="general")
    shared_bot.discord.faults.deny_permission(channel, Permission.VIEW_CHANNEL)
    try:
        await run.assert_consistent(images=5)  # the token needs no right
    finally:
        shared_bot.discord.faults.allow_permission(channel, Permission.VIEW_CHANNEL)


async def test_few_permissions_still_bring_the_result(shared_bot: BotUnderTest) -> None:
    run = await shared_bot.generate(images=2, where=shared_bot.channel("quiet"))
    await run.assert_consistent(images=2)


async def test_output_blocked_by_automod_is_reported(shared_bot: BotUnderTest) -> None:
    run = await shared_bot.talk("Tell me about badgers in 80 words.")
    shared_bot.discord.faults.block_text("badgers")
    await run.wait_until_delivered()
    assert run.state == "succeeded"
    assert "AutoMod" in run.card_text


@pytest.mark.parametrize("url", ["https://my_pictures.example/me.png", "https://a..example/me.png"])
async def test_a_refused_thumbnail_costs_no_image(shared_bot: BotUnderTest, url: str) -> None:
    run = await shared_bot.generate(images=2, subject=None, subject_url=url)
    await run.assert_consistent(images=2)
    assert run.prompt in run.card_text


@pytest.mark.parametrize("option", ["prompt", "negative_prompt"])
async def test_a_blocked_option_costs_only_its_places(shared_bot: BotUnderTest, option: str) -> None:
    shared_bot.discord.faults.block_text("badgers")
    values: dict[str, Any] = {"prompt": "a wish for a hat", "negative_prompt": "no scarf"}
    values[option] += " with badgers"
    run = await shared_bot.generate(images=2, **values)
    await run.assert_consistent(images=2)
    shown = run.message.body.words
    assert "AutoMod" in shown
    assert "badgers" not in shown
    other = "prompt" if option == "negative_prompt" else "negative_prompt"
    assert values[other] in shown


async def test_a_blocked_prompt_stays_out_after_a_restart(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.discord.faults.block_text("badgers")
        run = await bot.generate(images=3, prompt="portrait of two badgers")
        await run.wait_for(lambda: run.images)
        await bot.environment.bot.kill()
        await bot.start()
        await run.assert_consistent(images=3)
        assert "badgers" not in run.message.body.words


async def test_a_passing_refusal_costs_no_image(shared_bot: BotUnderTest) -> None:
    shared_bot.discord.faults.refuse("PATCH *", when=has_image, times=3)
    run = await shared_bot.generate(images=3)
    await run.wait_until_delivered()
    assert len(run.images) == 3
    assert "rejected" not in run.card_text


async def test_a_refused_file_is_linked_and_others_are_shown(shared_bot: BotUnderTest) -> None:
    def brings_second(call: Call) -> bool:
        return any(name.startswith("generate-02") for name, _ in call.files.values())

    shared_bot.discord.faults.refuse("PATCH *", when=brings_second, times=None)
    run = await shared_bot.generate(images=3)
    await run.wait_until_delivered()
    assert len(run.images) == 2
    assert run.prompt in run.card_text
    assert f"({run.predictions[0].output[1]})" in run.card_text


async def test_a_reply_refused_in_any_form_is_sent_later(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        fault = bot.discord.faults.refuse("PATCH *", times=None)
        run = await bot.generate(images=1)
        await eventually(lambda: run.state == "succeeded")
        hits = fault.hits
        await eventually(lambda: fault.hits > hits + 6)
        assert run.row["delivered_at"] is None
        bot.discord.faults.remove(fault)
        await run.assert_consistent(images=1)


async def test_a_user_install_warns_before_the_token_expires(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.mia.user.installed = True
        bot.replicate.faults.add("never-ends", after=1)
        run = await bot.generate(where=bot.discord.state.dm("mia", "noah"), images=4)
        await run.wait_for(lambda: run.images)
        assert run.row["token_only"] == 1
        await bot.kill()
        bot.advance(LIFE - 40)  # within seconds the only transport closes
        await bot.start()
        await run.wait_for(lambda: "Show the result" in run.message.buttons)
        assert "15 minutes" in run.card_text
        assert not any(call.method == "PUT" and "/reactions/" in call.path for call in bot.discord.calls)
        bot.discord.skip(60)
        await bot.mia.press(run.message, "Show the result")
        await bot.mia.press(run.message, "Cancel")
        await run.assert_consistent("canceled")
        assert edits_by_bot(bot, run) == 0


async def out_of_reach(bot: BotUnderTest, *, images: int) -> StartedRun:
    """Return a run whose end the bot cannot show: only a token reaches its message, and the bot was down meanwhile."""
    bot.mia.user.installed = True
    run = await bot.generate(where=bot.discord.state.dm("mia", "noah"), images=images)
    await run.wait_for(lambda: run.images)
    await bot.kill()
    await eventually(lambda: run.predictions[0].status == "succeeded")
    bot.advance(LIFE)
    await bot.start()
    await eventually(lambda: run.state == "succeeded")
    assert not run.is_over
    return run


@pytest.mark.parametrize(
    ("who", "button", "answer"),
    [
        ("mia", "Details", "Details"),
        ("noah", "Details", "This run used"),
        ("mia", "Cancel", "already finished"),
        ("noah", "Cancel", "can stop this run"),
    ],
)
async def test_any_press_brings_a_dead_reply_up_to_date(open_bot: OpenBot, who: str, button: str, answer: str) -> None:
    async with open_bot() as bot:
        run = await out_of_reach(bot, images=3)
        pressed = await bot.discord.person(who).press(run.message, button)
        await run.wait_for(lambda: run.is_over)
        await run.assert_consistent(images=3)
        await pressed.wait_for(lambda pressed: any(answer in one.text for one in pressed.followups))
        assert all(one.ephemeral for one in pressed.followups)


@pytest.mark.parametrize("button", ["Details", "Cancel"])
async def test_a_pressed_token_is_kept_for_the_next_start(open_bot: OpenBot, button: str) -> None:
    async with open_bot() as bot:
        run = await out_of_reach(bot, images=3)
        late = bot.discord.faults.fail("PATCH /webhooks/*", status=503, times=None)
        await bot.mia.press(run.message, button)
        await eventually(lambda: late.hits)
        await bot.kill()
        assert not run.is_over
        bot.discord.faults.remove(late)
        await bot.start()
        await run.wait_for(lambda: run.is_over)  # nobody pressed again
        await run.assert_consistent(images=3)


@pytest.mark.parametrize("button", ["Again", "Edit", "Details"])
async def test_a_press_on_an_unrecorded_final_card_delivers(open_bot: OpenBot, button: str) -> None:
    async with open_bot() as bot:
        bot.mia.user.installed = True
        bot.discord.faults.hang_after("PATCH *", when=shows_end)
        run = await bot.generate(where=bot.discord.state.dm("mia", "noah"), images=2)
        await run.wait_for(lambda: run.is_over)
        await bot.kill()
        assert run.row["delivered_at"] is None
        bot.advance(LIFE)
        await bot.start()
        pressed = await bot.mia.press(run.message, button)
        [shown] = await pressed.wait_for(lambda pressed: pressed.followups)
        if button == "Again":
            await eventually(lambda: len(run.predictions) == 2)
        await run.assert_consistent(images=2, predictions=2 if button == "Again" else 1)
        assert shown.ephemeral == (button != "Again")
        if button == "Again":
            again = StartedRun(bot, shown, run.prompt)
            await again.wait_until_delivered()
            assert len(again.images) == 2
        elif button == "Edit":
            opened = await bot.mia.press(shown, "Open the form")
            assert opened.modal is not None
