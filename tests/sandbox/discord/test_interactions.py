"""Interactions between people and a real discord.py bot."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord import app_commands, ui

from sandbox.discord import ClientRefused, DiscordStandIn, Permission, Person, Upload
from sandbox.discord.state.models import CallbackType, Channel
from tests.discord_spec import check_discord_answers, check_discord_calls, needs_spec
from tests.sandbox.discord.discord_py import Bot, running_bot
from tests.sandbox.discord.http_client import make_image
from tests.sandbox.discord.test_first_flow import Card

if TYPE_CHECKING:
    from sandbox.discord.state.models import Message

Interaction = discord.Interaction[Bot]
Callback = Callable[[Interaction], Awaitable[Any]]


class Stage:
    """A bot with one command ``go`` whose body each test writes."""

    def __init__(self, standin: DiscordStandIn, bot: Bot) -> None:
        self.standin = standin
        self.bot = bot
        self.mia: Person = standin.person("mia")
        self.general: Channel = standin.state.channel("general")
        self.interactions: list[Interaction] = []

    def on(self, callback: Callback) -> Callback:
        async def go(interaction: Interaction) -> None:
            self.interactions.append(interaction)
            await callback(interaction)

        command: app_commands.Command[Any, ..., None] = app_commands.Command(
            name="go",
            description="Go",
            callback=go,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
        )
        self.bot.tree.add_command(command)
        return callback

    async def go(self, channel: Channel | None = None, person: Person | None = None) -> Any:
        if not self.standin.commands.all():
            await self.bot.tree.sync()
        return await (person or self.mia).use_command(channel or self.general, "go")


@pytest.fixture
async def stage(standin: DiscordStandIn) -> AsyncIterator[Stage]:
    async with running_bot(Bot(), standin) as bot:
        yield Stage(standin, bot)


async def test_a_deferred_answer_thinks_until_it_is_edited_and_the_first_edit_does_not_mark_it_edited(
    stage: Stage,
) -> None:
    gate = asyncio.Event()

    @stage.on
    async def _(interaction: Interaction) -> None:
        response = await interaction.response.defer()
        assert response is not None
        assert response.message_id is not None
        await gate.wait()
        await interaction.edit_original_response(content="done")

    exchange = await stage.go()
    message = exchange.message
    assert (exchange.answer, message.loading, message.text) == (CallbackType.DEFERRED_MESSAGE, True, "")
    gate.set()
    await stage.standin.state.wait_for(lambda: message.content == "done")
    assert (message.loading, message.edited_at) == (False, None)
    assert [state.body.text for state in message.history] == ["", "done"]


async def test_files_are_added_by_edits_and_kept_by_id_also_when_only_components_list_them(stage: Stage) -> None:
    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.defer()
        first = discord.File(io.BytesIO(make_image("red")), "1.png")
        message = await interaction.edit_original_response(view=Card("one", ["1.png"]), attachments=[first])
        assert message.attachments == []
        gallery = next(item for item in message.components[0].children if item.type.value == 12)  # type: ignore[union-attr]
        kept = discord.Object(gallery.items[0].media.attachment_id)  # type: ignore[attr-defined]
        kept.to_dict = lambda: {"id": kept.id}  # type: ignore[attr-defined]  # what discord.py asks of an attachment
        second = discord.File(io.BytesIO(make_image("blue")), "2.png")
        await interaction.edit_original_response(
            view=Card("two", ["1.png", "2.png"]),
            attachments=[kept, second],  # type: ignore[list-item]
        )

    exchange = await stage.go()
    message = exchange.message
    await stage.standin.state.wait_for(lambda: message.text == "two")
    assert [item.filename for item in message.images] == ["1.png", "2.png"]
    first, second = (state.body.attachments for state in message.history[1:])
    assert first[0].id == second[0].id


async def test_an_ephemeral_answer_is_seen_by_its_person_alone_and_only_its_token_reaches_it(stage: Stage) -> None:
    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("secret", ephemeral=True)

    exchange = await stage.go()
    message = exchange.message
    assert exchange.ephemeral
    assert stage.mia.visible_messages(stage.general) == [message]
    assert stage.standin.person("olga").visible_messages(stage.general) == []
    with pytest.raises(discord.NotFound) as caught:
        await stage.bot.get_partial_messageable(message.channel.id).get_partial_message(message.id).edit(content="x")
    assert caught.value.code == 10008
    await stage.interactions[0].edit_original_response(content="still secret")
    assert message.content == "still secret"


async def test_an_answer_after_three_seconds_is_too_late(stage: Stage) -> None:
    failed = asyncio.Event()

    @stage.on
    async def _(interaction: Interaction) -> None:
        stage.standin.skip(3.5)
        with pytest.raises(discord.NotFound) as caught:
            await interaction.response.defer()
        assert caught.value.code == 10062
        failed.set()

    exchange = await stage.go()
    assert exchange.failed
    assert exchange.message is None
    await failed.wait()


async def test_after_fifteen_minutes_the_token_is_dead_and_the_bot_edits_the_message_itself(stage: Stage) -> None:
    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("first")

    exchange = await stage.go()
    stage.standin.skip(15 * 60)
    with pytest.raises(discord.HTTPException) as caught:
        await stage.interactions[0].edit_original_response(content="second")
    assert (caught.value.status, caught.value.code) == (401, 50027)
    part = stage.bot.get_partial_messageable(stage.general.id).get_partial_message(exchange.message.id)
    await part.edit(content="second")
    assert exchange.message.content == "second"


async def test_an_interaction_is_answered_once(stage: Stage) -> None:
    codes: list[int] = []

    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.defer()
        interaction.response._response_type = None
        with pytest.raises(discord.HTTPException) as caught:
            await interaction.response.send_message("again")
        codes.append(caught.value.code)
        await interaction.edit_original_response(content="x")

    await stage.go()
    await stage.standin.state.wait_for(lambda: codes)
    assert codes == [40060]


async def test_the_first_followup_fills_in_a_deferred_answer_and_further_ones_are_messages(stage: Stage) -> None:
    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.defer()
        first = await interaction.followup.send("first", wait=True)
        second = await interaction.followup.send("second", ephemeral=True, wait=True)
        assert (await interaction.original_response()).id == first.id
        await interaction.followup.edit_message(second.id, content="second, edited")

    exchange = await stage.go()
    await exchange.wait_for(lambda it: "second, edited" in it.text)
    assert exchange.message.text == "first"
    assert [(one.text, one.ephemeral) for one in exchange.followups] == [("second, edited", True)]


async def test_a_deleted_answer_is_gone_for_every_road(stage: Stage) -> None:
    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("soon gone")

    exchange = await stage.go()
    message = exchange.message
    await stage.standin.person("ada").delete(message)
    (event,) = await stage.bot.heard("raw_message_delete")
    assert event.message_id == message.id
    with pytest.raises(discord.NotFound) as caught:
        await stage.interactions[0].edit_original_response(content="x")
    assert caught.value.code == 10008
    assert message.history[-1].deleted


class Panel(ui.LayoutView):
    row: ui.ActionRow[Any] = ui.ActionRow()

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.pressed: list[str] = []

    @row.button(label="Again", custom_id="again")
    async def again(self, interaction: Interaction, _button: ui.Button[Any]) -> None:
        self.pressed.append(interaction.user.name)
        assert interaction.message is not None
        await interaction.response.edit_message(view=Card(f"pressed by {interaction.user.name}", []))


@pytest.mark.parametrize("ephemeral", [True, False])
async def test_a_button_changes_its_message_and_nobody_presses_what_they_do_not_see(
    stage: Stage, *, ephemeral: bool
) -> None:
    panel = Panel()

    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message(view=panel, ephemeral=ephemeral)

    message: Message = (await stage.go()).message
    noah = stage.standin.person("noah")
    if ephemeral:
        with pytest.raises(ClientRefused, match="do not see"):
            await noah.press(message, "Again")
    presser = stage.mia if ephemeral else noah
    exchange = await presser.press(message, "Again")
    assert (exchange.answer, exchange.message) == (CallbackType.UPDATE_MESSAGE, message)
    assert message.text == f"pressed by {presser.user.username}"
    with pytest.raises(ClientRefused, match="no control"):
        await stage.mia.press(message, "Again")


COLOURS = [discord.SelectOption(label="Red", value="r"), discord.SelectOption(label="Blue", value="b")]
SIZES = [discord.SelectOption(label="Big", value="b"), discord.SelectOption(label="Small", value="s")]


class Picker(ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.chosen: list[Any] = []

    @ui.select(placeholder="Colour", options=COLOURS)
    async def colour(self, interaction: Interaction, select: ui.Select[Any]) -> None:
        self.chosen += select.values
        await interaction.response.defer()

    @ui.select(cls=ui.UserSelect, placeholder="Whom")
    async def whom(self, interaction: Interaction, select: ui.UserSelect[Any]) -> None:
        self.chosen += [user.name for user in select.values]
        await interaction.response.send_message("thanks", ephemeral=True)


async def test_selects_of_texts_and_of_users(stage: Stage) -> None:
    picker = Picker()

    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("pick", view=picker)

    message: Message = (await stage.go()).message
    first = await stage.mia.choose(message, "Colour", ["Blue"])
    assert first.answer is CallbackType.DEFERRED_UPDATE
    await stage.mia.choose(message, "Whom", [stage.standin.state.user("ada")])
    assert picker.chosen == ["b", "ada"]
    with pytest.raises(ClientRefused, match="no choice"):
        await stage.mia.choose(message, "Colour", ["Green"])


class Form(ui.Modal, title="Edit"):
    prompt: ui.Label[Any] = ui.Label(text="Prompt", component=ui.TextInput(custom_id="prompt", default="a fox"))
    size: ui.Label[Any] = ui.Label(text="Size", component=ui.Select(custom_id="size", options=SIZES))
    subject: ui.Label[Any] = ui.Label(
        text="Subject", component=ui.FileUpload(custom_id="subject", required=False, max_values=2)
    )

    def __init__(self) -> None:
        super().__init__(custom_id="form")
        self.got: list[Any] = []

    async def on_submit(self, interaction: Interaction, /) -> None:
        files = self.subject.component.values  # type: ignore[attr-defined]
        self.got += [self.prompt.component.value, self.size.component.values]  # type: ignore[attr-defined]
        self.got += [[await file.read() for file in files]]
        await interaction.response.send_message("got it")


async def test_a_modal_is_filled_in_with_text_choices_and_files(stage: Stage) -> None:
    form = Form()

    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_modal(form)

    exchange = await stage.go()
    assert (exchange.answer, exchange.message) == (CallbackType.MODAL, None)
    assert exchange.modal["title"] == "Edit"
    with pytest.raises(ClientRefused, match="Size"):
        await stage.mia.submit(exchange, {"Prompt": "x"})
    with pytest.raises(ClientRefused, match="no field"):
        await stage.mia.submit(exchange, {"Size": "Big", "Colour": "x"})
    files = [Upload("a.png", make_image("red")), Upload("b.png", make_image("blue"))]
    answer = await stage.mia.submit(exchange, {"Size": "Big", "subject": files})
    assert form.got == ["a fox", ["b"], [make_image("red"), make_image("blue")]]
    assert answer.message.text == "got it"


async def test_a_modal_cannot_answer_a_modal(stage: Stage) -> None:
    codes: list[int] = []

    class Again(ui.Modal, title="Again"):
        words: ui.Label[Any] = ui.Label(text="Words", component=ui.TextInput())

        async def on_submit(self, interaction: Interaction, /) -> None:
            try:
                await interaction.response.send_modal(Again())
            except discord.HTTPException as error:
                codes.append(error.code)

    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_modal(Again())

    exchange = await stage.go()
    submitted = await stage.mia.submit(exchange, {"Words": "x"}, wait=False)
    await stage.standin.state.wait_for(lambda: any(call.code for call in stage.standin.calls))
    assert not submitted.acknowledged
    assert [call.code for call in stage.standin.calls if call.code] == [50035]


async def test_autocomplete_offers_choices_for_what_was_typed(stage: Stage) -> None:
    seen: list[tuple[str, str]] = []

    @stage.bot.tree.command(description="Draw")
    async def draw(interaction: Interaction, style: str, size: int = 1) -> None:
        await interaction.response.send_message(f"{style} {size}")

    @draw.autocomplete("style")
    async def _(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        seen.append((current, str(interaction.namespace.size)))
        return [app_commands.Choice(name="Oil paint", value="oil")]

    await stage.bot.tree.sync()
    offered = await stage.mia.autocomplete(stage.general, "draw", {"style": "oi", "size": 2}, "style")
    assert offered.choices == [{"name": "Oil paint", "value": "oil"}]
    assert seen == [("oi", "2")]
    with pytest.raises(ClientRefused, match="does not autocomplete"):
        await stage.mia.autocomplete(stage.general, "draw", {}, "size")
    assert (await stage.mia.use_command(stage.general, "draw", {"style": "anything"})).text == "anything 1"


async def test_subcommands_are_named_with_spaces(stage: Stage) -> None:
    group = app_commands.Group(name="models", description="Models")

    @group.command(description="Add one")
    async def add(interaction: Interaction, name: str) -> None:
        await interaction.response.send_message(f"added {name}")

    stage.bot.tree.add_command(group)
    await stage.bot.tree.sync()
    assert (await stage.mia.use_command(stage.general, "models add", {"name": "x/y"})).text == "added x/y"
    with pytest.raises(ClientRefused, match="Choose a subcommand"):
        await stage.mia.use_command(stage.general, "models", {})


async def test_context_menus_of_messages_and_users_bring_their_target(stage: Stage) -> None:
    @stage.bot.tree.context_menu(name="Use as subject")
    async def use(interaction: Interaction, message: discord.Message) -> None:
        data = await message.attachments[0].read()
        await interaction.response.send_message(f"{message.content} {len(data)}")

    @stage.bot.tree.context_menu(name="Wave")
    async def wave(interaction: Interaction, member: discord.Member) -> None:
        await interaction.response.send_message(f"hello {member.name}")

    await stage.bot.tree.sync()
    said = await stage.standin.person("noah").send_message(stage.general, "look", [Upload("a.png", make_image())])
    exchange = await stage.mia.use_context_menu(said, "Use as subject")
    assert exchange.text == f"look {len(make_image())}"
    waved = await stage.mia.use_context_menu(stage.standin.state.user("ada"), "Wave", stage.general)
    assert waved.text == "hello ada"


async def test_a_dm_with_the_bot_works_like_a_channel(stage: Stage) -> None:
    owners: list[dict[int, int]] = []

    @stage.on
    async def _(interaction: Interaction) -> None:
        owners.append(dict(interaction._integration_owners))
        await interaction.response.send_message("hello")

    exchange = await stage.go(stage.standin.state.dm("mia"))
    assert owners == [{0: 0}]
    await stage.mia.react(exchange.message, "❌")
    (event,) = await stage.bot.heard("raw_reaction_add")
    assert (event.guild_id, event.user_id) == (None, stage.mia.user.id)


async def test_installed_by_the_user_alone_the_bot_has_only_its_token(stage: Stage) -> None:
    lobby = stage.standin.state.channel("lobby")
    stage.standin.rate_limits.enabled = False

    @stage.on
    async def _(interaction: Interaction) -> None:
        assert not interaction.is_guild_integration()
        await interaction.response.send_message("from outside")

    with pytest.raises(ClientRefused, match="cannot use"):
        await stage.go(lobby)
    stage.mia.user.installed = True
    exchange = await stage.go(lobby)
    part = stage.bot.get_partial_messageable(lobby.id).get_partial_message(exchange.message.id)
    with pytest.raises(discord.Forbidden) as caught:
        await part.edit(content="x")
    assert caught.value.code == 50001
    with pytest.raises(discord.Forbidden):
        await part.add_reaction("❌")
    await stage.mia.react(exchange.message, "❌")
    followup = stage.interactions[0].followup
    for number in range(5):
        await followup.send(str(number))
    with pytest.raises(discord.HTTPException) as full:
        await followup.send("one too many")
    assert full.value.code == 40094
    assert not [name for name, _ in stage.bot.events if name == "raw_reaction_add"]


async def test_without_use_external_apps_a_user_install_answers_privately(stage: Stage) -> None:
    lobby = stage.standin.state.channel("lobby")
    stage.mia.user.installed = True
    stage.standin.state.deny(lobby, Permission.USE_EXTERNAL_APPS, stage.mia.user)

    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("forced to be private")

    assert (await stage.go(lobby)).ephemeral


async def test_a_person_with_nitro_may_send_larger_files_and_the_bot_is_told(stage: Stage) -> None:
    sizes: list[int] = []

    @stage.bot.tree.command(description="Look")
    async def look(interaction: Interaction, file: discord.Attachment) -> None:
        sizes.append(interaction.filesize_limit)
        await interaction.response.send_message(str(file.size))

    await stage.bot.tree.sync()
    big = Upload("big.bin", b"x" * (10 * 1024 * 1024 + 1))
    with pytest.raises(ClientRefused, match="too powerful"):
        await stage.mia.use_command(stage.general, "look", {"file": big})
    stage.mia.user.premium = 1
    assert (await stage.mia.use_command(stage.general, "look", {"file": big})).text == str(len(big.data))
    assert sizes == [50 * 1024 * 1024]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "required"),
        ({"prompt": 5}, "takes a text"),
        ({"prompt": "x", "count": 11}, "from 1 to 10"),
        ({"prompt": "x", "count": 1.5}, "whole number"),
        ({"prompt": "x", "style": "none"}, "takes one of"),
        ({"prompt": "x", "subject": "me.png"}, "takes a Upload"),
        ({"prompt": "x", "nonsense": 1}, "no option"),
        ({"prompt": "toolong!!!!"}, "1 to 10 characters"),
    ],
)
async def test_the_client_refuses_values_that_do_not_fit(stage: Stage, values: dict[str, Any], words: str) -> None:
    @stage.bot.tree.command(description="Draw")
    @app_commands.choices(style=[app_commands.Choice(name="Oil", value="o")])
    async def draw(
        _interaction: Interaction,
        prompt: app_commands.Range[str, 1, 10],
        count: app_commands.Range[int, 1, 10] = 1,
        style: str = "o",
        subject: discord.Attachment | None = None,
    ) -> None:
        raise AssertionError((prompt, count, style, subject))

    await stage.bot.tree.sync()
    with pytest.raises(ClientRefused, match=words):
        await stage.mia.use_command(stage.general, "draw", values)


@needs_spec
async def test_what_was_asked_and_answered_agrees_with_the_official_document(stage: Stage) -> None:
    @stage.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.defer()
        file = discord.File(io.BytesIO(make_image()), "1.png")
        await interaction.edit_original_response(view=Card("one", ["1.png"]), attachments=[file])
        await interaction.followup.send("two")

    exchange = await stage.go()
    await exchange.wait_for(lambda it: it.followups)
    channel = stage.bot.get_channel(stage.general.id)
    assert isinstance(channel, discord.TextChannel)
    sent = await channel.send("hello", reference=await channel.fetch_message(exchange.message.id))
    await sent.add_reaction("❌")
    await sent.edit(content="hello again", embed=discord.Embed(title="t"))
    assert [message.id async for message in channel.history(limit=2)]
    await stage.bot.fetch_channel(stage.standin.state.channel("ideas").id)
    await stage.bot.fetch_guild(channel.guild.id)
    await channel.guild.fetch_member(stage.mia.user.id)
    await channel.guild.fetch_roles()
    await channel.guild.fetch_channels()
    await stage.bot.fetch_user(stage.mia.user.id)
    await stage.bot.tree.fetch_commands()
    await (await stage.bot.fetch_user(stage.mia.user.id)).send("psst")
    await sent.delete()
    check_discord_calls(stage.standin.calls)
    check_discord_answers(stage.standin.calls)
