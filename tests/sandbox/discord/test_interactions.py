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


class Harness:
    """A bot with one command ``go``, whose callback each test writes."""

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
async def harness(standin: DiscordStandIn) -> AsyncIterator[Harness]:
    async with running_bot(Bot(), standin) as bot:
        yield Harness(standin, bot)


async def test_the_first_edit_completes_a_deferred_response(
    harness: Harness,
) -> None:
    release = asyncio.Event()

    @harness.on
    async def _(interaction: Interaction) -> None:
        response = await interaction.response.defer()
        assert response is not None
        assert response.message_id is not None
        await release.wait()
        await interaction.edit_original_response(content="done")

    result = await harness.go()
    message = result.message
    assert (result.callback_type, message.loading, message.text) == (CallbackType.DEFERRED_MESSAGE, True, "")
    release.set()
    await harness.standin.state.wait_for(lambda: message.content == "done")
    assert (message.loading, message.edited_at) == (False, None)
    assert [state.body.text for state in message.history] == ["", "done"]


async def test_edits_add_files_and_keep_listed_ones(harness: Harness) -> None:
    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.defer()
        first = discord.File(io.BytesIO(make_image("red")), "1.png")
        message = await interaction.edit_original_response(view=Card("one", ["1.png"]), attachments=[first])
        assert message.attachments == []
        gallery = next(item for item in message.components[0].children if item.type.value == 12)  # type: ignore[union-attr]
        kept = discord.Object(gallery.items[0].media.attachment_id)  # type: ignore[union-attr]
        kept.to_dict = lambda: {"id": kept.id}  # type: ignore[attr-defined]  # what discord.py calls on attachments
        second = discord.File(io.BytesIO(make_image("blue")), "2.png")
        await interaction.edit_original_response(
            view=Card("two", ["1.png", "2.png"]),
            attachments=[kept, second],  # type: ignore[list-item]
        )

    result = await harness.go()
    message = result.message
    await harness.standin.state.wait_for(lambda: message.text == "two")
    assert [item.filename for item in message.images] == ["1.png", "2.png"]
    first, second = (state.body.attachments for state in message.history[1:])
    assert first[0].id == second[0].id


async def test_an_ephemeral_response_needs_the_token(harness: Harness) -> None:
    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("secret", ephemeral=True)

    result = await harness.go()
    message = result.message
    assert result.ephemeral
    assert harness.mia.visible_messages(harness.general) == [message]
    assert harness.standin.person("olga").visible_messages(harness.general) == []
    with pytest.raises(discord.NotFound) as caught:
        await harness.bot.get_partial_messageable(message.channel.id).get_partial_message(message.id).edit(content="x")
    assert caught.value.code == 10008
    await harness.interactions[0].edit_original_response(content="still secret")
    assert message.content == "still secret"


async def test_a_response_after_three_seconds_is_too_late(harness: Harness) -> None:
    failed = asyncio.Event()

    @harness.on
    async def _(interaction: Interaction) -> None:
        harness.standin.skip(3.5)
        with pytest.raises(discord.NotFound) as caught:
            await interaction.response.defer()
        assert caught.value.code == 10062
        failed.set()

    result = await harness.go()
    assert result.failed
    assert result.message is None
    await failed.wait()


async def test_after_15_minutes_only_the_bots_token_edits(harness: Harness) -> None:
    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("first")

    result = await harness.go()
    harness.standin.skip(15 * 60)
    with pytest.raises(discord.HTTPException) as caught:
        await harness.interactions[0].edit_original_response(content="second")
    assert (caught.value.status, caught.value.code) == (401, 50027)
    part = harness.bot.get_partial_messageable(harness.general.id).get_partial_message(result.message.id)
    await part.edit(content="second")
    assert result.message.content == "second"


async def test_an_interaction_takes_one_response(harness: Harness) -> None:
    codes: list[int] = []

    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.defer()
        interaction.response._response_type = None
        with pytest.raises(discord.HTTPException) as caught:
            await interaction.response.send_message("again")
        codes.append(caught.value.code)
        await interaction.edit_original_response(content="x")

    await harness.go()
    await harness.standin.state.wait_for(lambda: codes)
    assert codes == [40060]


async def test_the_first_followup_completes_a_deferred_response(harness: Harness) -> None:
    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.defer()
        first = await interaction.followup.send("first", wait=True)
        second = await interaction.followup.send("second", ephemeral=True, wait=True)
        assert (await interaction.original_response()).id == first.id
        await interaction.followup.edit_message(second.id, content="second, edited")

    result = await harness.go()
    await result.wait_for(lambda it: "second, edited" in it.text)
    assert result.message.text == "first"
    assert [(one.text, one.ephemeral) for one in result.followups] == [("second, edited", True)]


async def test_a_followup_after_thinking_was_deleted_is_no_reply(harness: Harness) -> None:
    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.defer()
        await interaction.delete_original_response()
        await interaction.followup.send("no", ephemeral=True)

    result = await harness.go()
    await result.wait_for(lambda it: it.followups)
    assert (result.followups[0].reference, result.followups[0].type) == (None, 20)


async def test_a_followup_replies_to_a_dismissed_response(harness: Harness) -> None:
    dismissed = asyncio.Event()

    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("a question", ephemeral=True)
        await dismissed.wait()
        await interaction.followup.send("late")

    result = await harness.go()
    await harness.mia.delete(result.message)
    dismissed.set()
    await result.wait_for(lambda it: it.followups)
    assert (result.followups[0].reference, result.followups[0].type) == (result.message, 19)


async def test_a_deleted_response_is_unknown_to_the_token(harness: Harness) -> None:
    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("soon gone")

    result = await harness.go()
    message = result.message
    await harness.standin.person("ada").delete(message)
    (event,) = await harness.bot.wait_for_event("raw_message_delete")
    assert event.message_id == message.id
    with pytest.raises(discord.NotFound) as caught:
        await harness.interactions[0].edit_original_response(content="x")
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
async def test_a_button_edits_its_message_for_those_who_see_it(harness: Harness, *, ephemeral: bool) -> None:
    panel = Panel()

    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message(view=panel, ephemeral=ephemeral)

    message: Message = (await harness.go()).message
    noah = harness.standin.person("noah")
    if ephemeral:
        with pytest.raises(ClientRefused, match="can't see"):
            await noah.press(message, "Again")
    person = harness.mia if ephemeral else noah
    result = await person.press(message, "Again")
    assert (result.callback_type, result.message) == (CallbackType.UPDATE_MESSAGE, message)
    assert message.text == f"pressed by {person.user.username}"
    with pytest.raises(ClientRefused, match="no control"):
        await harness.mia.press(message, "Again")


COLORS = [discord.SelectOption(label="Red", value="r"), discord.SelectOption(label="Blue", value="b")]
SIZES = [discord.SelectOption(label="Big", value="b"), discord.SelectOption(label="Small", value="s")]


class Picker(ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.chosen: list[Any] = []

    @ui.select(placeholder="Color", options=COLORS)
    async def color(self, interaction: Interaction, select: ui.Select[Any]) -> None:
        self.chosen += select.values
        await interaction.response.defer()

    @ui.select(cls=ui.UserSelect, placeholder="User")
    async def user(self, interaction: Interaction, select: ui.UserSelect[Any]) -> None:
        self.chosen += [user.name for user in select.values]
        await interaction.response.send_message("thanks", ephemeral=True)


async def test_string_and_user_selects(harness: Harness) -> None:
    picker = Picker()

    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("pick", view=picker)

    message: Message = (await harness.go()).message
    first = await harness.mia.choose(message, "Color", ["Blue"])
    assert first.callback_type is CallbackType.DEFERRED_UPDATE
    await harness.mia.choose(message, "User", [harness.standin.state.user("ada")])
    assert picker.chosen == ["b", "ada"]
    with pytest.raises(ClientRefused, match="no choice"):
        await harness.mia.choose(message, "Color", ["Green"])


class Form(ui.Modal, title="Edit"):
    prompt: ui.Label[Any] = ui.Label(text="Prompt", component=ui.TextInput(custom_id="prompt", default="a fox"))
    size: ui.Label[Any] = ui.Label(text="Size", component=ui.Select(custom_id="size", options=SIZES))
    subject: ui.Label[Any] = ui.Label(
        text="Subject", component=ui.FileUpload(custom_id="subject", required=False, max_values=2)
    )

    def __init__(self) -> None:
        super().__init__(custom_id="form")
        self.submitted: list[Any] = []

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        files = self.subject.component.values  # type: ignore[attr-defined]
        self.submitted += [self.prompt.component.value, self.size.component.values]  # type: ignore[attr-defined]
        self.submitted += [[await file.read() for file in files]]
        await interaction.response.send_message("got it")


async def test_a_modal_takes_text_choices_and_files(harness: Harness) -> None:
    form = Form()

    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_modal(form)

    result = await harness.go()
    assert (result.callback_type, result.message) == (CallbackType.MODAL, None)
    assert result.modal["title"] == "Edit"
    with pytest.raises(ClientRefused, match="Size"):
        await harness.mia.submit(result, {"Prompt": "x"})
    with pytest.raises(ClientRefused, match="no field"):
        await harness.mia.submit(result, {"Size": "Big", "Color": "x"})
    files = [Upload("a.png", make_image("red")), Upload("b.png", make_image("blue"))]
    submitted = await harness.mia.submit(result, {"Size": "Big", "subject": files})
    assert form.submitted == ["a fox", ["b"], [make_image("red"), make_image("blue")]]
    assert submitted.text == "got it"


async def test_a_modal_cannot_respond_to_a_modal(harness: Harness) -> None:
    codes: list[int] = []

    class Again(ui.Modal, title="Again"):
        words: ui.Label[Any] = ui.Label(text="Words", component=ui.TextInput())

        async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
            try:
                await interaction.response.send_modal(Again())
            except discord.HTTPException as error:
                codes.append(error.code)

    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_modal(Again())

    result = await harness.go()
    submitted = await harness.mia.submit(result, {"Words": "x"}, wait=False)
    await harness.standin.state.wait_for(lambda: any(call.code for call in harness.standin.calls))
    assert not submitted.acknowledged
    assert [call.code for call in harness.standin.calls if call.code] == [50035]


async def test_autocomplete_offers_choices_for_the_typed_text(harness: Harness) -> None:
    seen: list[tuple[str, str]] = []

    @harness.bot.tree.command(description="Draw")
    async def draw(interaction: Interaction, style: str, size: int = 1) -> None:
        await interaction.response.send_message(f"{style} {size}")

    @draw.autocomplete("style")
    async def _(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        seen.append((current, str(interaction.namespace.size)))
        return [app_commands.Choice(name="Oil paint", value="oil")]

    await harness.bot.tree.sync()
    offered = await harness.mia.autocomplete(harness.general, "draw", {"style": "oi", "size": 2}, "style")
    assert offered.choices == [{"name": "Oil paint", "value": "oil"}]
    assert seen == [("oi", "2")]
    with pytest.raises(ClientRefused, match="does not autocomplete"):
        await harness.mia.autocomplete(harness.general, "draw", {}, "size")
    assert (await harness.mia.use_command(harness.general, "draw", {"style": "anything"})).text == "anything 1"


async def test_subcommands_are_written_with_spaces(harness: Harness) -> None:
    group = app_commands.Group(name="models", description="Models")

    @group.command(description="Add one")
    async def add(interaction: Interaction, name: str) -> None:
        await interaction.response.send_message(f"added {name}")

    harness.bot.tree.add_command(group)
    await harness.bot.tree.sync()
    result = await harness.mia.use_command(harness.general, "models add", {"name": "x/y"})
    assert result.text == "added x/y"
    assert result.message is not None
    assert (result.message.interaction_metadata or {})["name"] == "models add"
    with pytest.raises(ClientRefused, match="Choose a subcommand"):
        await harness.mia.use_command(harness.general, "models", {})


async def test_context_menus_pass_their_message_or_user(harness: Harness) -> None:
    @harness.bot.tree.context_menu(name="Use as subject")
    async def use(interaction: Interaction, message: discord.Message) -> None:
        data = await message.attachments[0].read()
        await interaction.response.send_message(f"{message.content} {len(data)}")

    @harness.bot.tree.context_menu(name="Wave")
    async def wave(interaction: Interaction, member: discord.Member) -> None:
        await interaction.response.send_message(f"hello {member.name}")

    await harness.bot.tree.sync()
    sent = await harness.standin.person("noah").send_message(harness.general, "look", [Upload("a.png", make_image())])
    result = await harness.mia.use_context_menu(sent, "Use as subject")
    assert result.text == f"look {len(make_image())}"
    waved = await harness.mia.use_context_menu(harness.standin.state.user("ada"), "Wave", harness.general)
    assert waved.text == "hello ada"


async def test_a_dm_with_the_bot_works_like_a_channel(harness: Harness) -> None:
    owners: list[dict[int, str | int]] = []

    @harness.on
    async def _(interaction: Interaction) -> None:
        owners.append(dict(interaction._integration_owners))
        await interaction.response.send_message("hello")

    result = await harness.go(harness.standin.state.dm("mia"))
    assert owners == [{0: 0}]
    await harness.mia.react(result.message, "❌")
    (event,) = await harness.bot.wait_for_event("raw_reaction_add")
    assert (event.guild_id, event.user_id) == (None, harness.mia.user.id)


async def test_a_user_install_has_only_the_interaction_token(harness: Harness) -> None:
    lobby = harness.standin.state.channel("lobby")
    harness.standin.rate_limits.enabled = False

    @harness.on
    async def _(interaction: Interaction) -> None:
        assert not interaction.is_guild_integration()
        await interaction.response.send_message("from outside")

    with pytest.raises(ClientRefused, match="can't use"):
        await harness.go(lobby)
    harness.mia.user.installed = True
    result = await harness.go(lobby)
    part = harness.bot.get_partial_messageable(lobby.id).get_partial_message(result.message.id)
    with pytest.raises(discord.Forbidden) as caught:
        await part.edit(content="x")
    assert caught.value.code == 50001
    with pytest.raises(discord.Forbidden):
        await part.add_reaction("❌")
    await harness.mia.react(result.message, "❌")
    followup = harness.interactions[0].followup
    for number in range(5):
        await followup.send(str(number))
    with pytest.raises(discord.HTTPException) as full:
        await followup.send("one too many")
    assert full.value.code == 40094
    assert not [name for name, _ in harness.bot.events if name == "raw_reaction_add"]


async def test_without_use_external_apps_responses_are_ephemeral(harness: Harness) -> None:
    lobby = harness.standin.state.channel("lobby")
    harness.mia.user.installed = True
    harness.standin.state.deny(lobby, Permission.USE_EXTERNAL_APPS, harness.mia.user)

    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_message("forced to be private")

    assert (await harness.go(lobby)).ephemeral


async def test_nitro_raises_the_file_limit_of_interactions(harness: Harness) -> None:
    sizes: list[int] = []

    @harness.bot.tree.command(description="Look")
    async def look(interaction: Interaction, file: discord.Attachment) -> None:
        sizes.append(interaction.filesize_limit)
        await interaction.response.send_message(str(file.size))

    await harness.bot.tree.sync()
    big = Upload("big.bin", b"x" * (10 * 1024 * 1024 + 1))
    with pytest.raises(ClientRefused, match="too powerful"):
        await harness.mia.use_command(harness.general, "look", {"file": big})
    harness.mia.user.premium_type = 1
    assert (await harness.mia.use_command(harness.general, "look", {"file": big})).text == str(len(big.data))
    assert sizes == [50 * 1024 * 1024]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "required"),
        ({"prompt": 5}, "must be a text"),
        ({"prompt": "x", "count": 11}, "from 1 to 10"),
        ({"prompt": "x", "count": 1.5}, "whole number"),
        ({"prompt": "x", "style": "none"}, "must be one of"),
        ({"prompt": "x", "subject": "me.png"}, "must be a file"),
        ({"prompt": "x", "nonsense": 1}, "no option"),
        ({"prompt": "toolong!!!!"}, "1 to 10 characters"),
    ],
)
async def test_the_client_refuses_invalid_values(harness: Harness, values: dict[str, Any], expected: str) -> None:
    @harness.bot.tree.command(description="Draw")
    @app_commands.choices(style=[app_commands.Choice(name="Oil", value="o")])
    async def draw(
        _interaction: Interaction,
        prompt: app_commands.Range[str, 1, 10],
        count: app_commands.Range[int, 1, 10] = 1,
        style: str = "o",
        subject: discord.Attachment | None = None,
    ) -> None:
        raise AssertionError((prompt, count, style, subject))

    await harness.bot.tree.sync()
    with pytest.raises(ClientRefused, match=expected):
        await harness.mia.use_command(harness.general, "draw", values)


@needs_spec
async def test_calls_and_responses_match_the_official_spec(harness: Harness) -> None:
    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.defer()
        file = discord.File(io.BytesIO(make_image()), "1.png")
        await interaction.edit_original_response(view=Card("one", ["1.png"]), attachments=[file])
        await interaction.followup.send("two")

    result = await harness.go()
    await result.wait_for(lambda it: it.followups)
    channel = harness.bot.get_channel(harness.general.id)
    assert isinstance(channel, discord.TextChannel)
    sent = await channel.send("hello", reference=await channel.fetch_message(result.message.id))
    await sent.add_reaction("❌")
    await sent.edit(content="hello again", embed=discord.Embed(title="t"))
    assert [message.id async for message in channel.history(limit=2)]
    await harness.bot.fetch_channel(harness.standin.state.channel("ideas").id)
    await harness.bot.fetch_guild(channel.guild.id)
    await channel.guild.fetch_member(harness.mia.user.id)
    await channel.guild.fetch_roles()
    await channel.guild.fetch_channels()
    await harness.bot.fetch_user(harness.mia.user.id)
    await harness.bot.tree.fetch_commands()
    await (await harness.bot.fetch_user(harness.mia.user.id)).send("psst")
    await sent.delete()
    check_discord_calls(harness.standin.calls)
    check_discord_answers(harness.standin.calls)


class Pickers(ui.Modal, title="Rules"):
    """A form of Discord's own pickers, with something chosen from the start."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(custom_id="pickers")
        chosen = discord.SelectDefaultValue(id=channel.id, type=discord.SelectDefaultValueType.channel)
        self.channels: ui.ChannelSelect[Any] = ui.ChannelSelect(
            channel_types=[discord.ChannelType.text], min_values=0, max_values=2, default_values=[chosen]
        )
        self.roles: ui.RoleSelect[Any] = ui.RoleSelect(min_values=0, required=False)
        self.person: ui.UserSelect[Any] = ui.UserSelect(required=True)
        self.on: ui.Checkbox[Any] = ui.Checkbox(default=True)
        for label, item in (("Where", self.channels), ("Roles", self.roles), ("Whom", self.person), ("On", self.on)):
            self.add_item(ui.Label(text=label, component=item))
        self.submitted: list[Any] = []

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        self.submitted = [
            [channel.id for channel in self.channels.values],
            [role.name for role in self.roles.values],
            [user.display_name for user in self.person.values],
            self.on.value,
        ]
        await interaction.response.send_message("got it")


async def test_a_modal_takes_channels_roles_people_and_checks(harness: Harness) -> None:
    form = Pickers(harness.general)

    @harness.on
    async def _(interaction: Interaction) -> None:
        await interaction.response.send_modal(form)

    state = harness.standin.state
    result = await harness.go()
    with pytest.raises(ClientRefused, match="Whom"):
        await harness.mia.submit(result, {})
    with pytest.raises(ClientRefused, match="channels of a kind"):
        await harness.mia.submit(result, {"Where": [state.channel("ideas")], "Whom": [state.user("noah")]})
    with pytest.raises(ClientRefused, match="needs roles"):
        await harness.mia.submit(result, {"Roles": [state.user("ada")], "Whom": [state.user("noah")]})
    moderators = next(role for role in state.guild().roles.values() if role.name == "moderators")
    values = {"Roles": [moderators], "Whom": [state.user("noah")], "On": False}
    submitted = await harness.mia.submit(result, values)
    assert submitted.text == "got it"
    assert form.submitted == [[harness.general.id], ["moderators"], ["Noah"], False]


async def test_a_default_of_another_kind_is_refused(harness: Harness) -> None:
    codes: list[int] = []

    @harness.on
    async def _(interaction: Interaction) -> None:
        wrong = discord.SelectDefaultValue(id=harness.general.id, type=discord.SelectDefaultValueType.channel)
        modal = ui.Modal(title="Wrong")
        modal.add_item(ui.Label(text="Role", component=ui.RoleSelect()))
        item = modal.children[0].component  # type: ignore[attr-defined]
        item._underlying.default_values = [wrong]  # discord.py itself refuses it
        try:
            await interaction.response.send_modal(modal)
        except discord.HTTPException as error:
            codes.append(error.code)
            await interaction.response.send_message("refused")

    assert (await harness.go()).text == "refused"
    assert codes == [50035]
