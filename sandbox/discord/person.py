"""People who use Discord's client: what they do, what they see, and what became of their interactions."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

from bot.limits import DEFAULT_FILE_BYTES, MIB
from sandbox.discord.client_checks import (
    ClientRefused,
    CommandOptions,
    ModalForm,
    UploadFile,
    authorizing_owners,
    can_reply_publicly,
    check_entities,
    find_usable_command,
    match_choices,
    refuse_api_errors,
    resolve_subcommand,
)
from sandbox.discord.serializers import serialize_attachment, serialize_member, serialize_message, serialize_user
from sandbox.discord.services import Services
from sandbox.discord.services.commands import Command
from sandbox.discord.services.interactions import InteractionService
from sandbox.discord.state.components import SELECTS, ComponentType, find_control
from sandbox.discord.state.models import (
    Attachment,
    CallbackType,
    Channel,
    Guild,
    Interaction,
    InteractionType,
    Message,
    Upload,
    User,
    find_member,
)
from sandbox.discord.state.permissions import Permission, send_permission
from sandbox.discord.state.state import WAIT_LIMIT
from sandbox.discord.validation.messages import MessagePayload, build_body, parse_emoji, resolve_mentions

Json = dict[str, Any]
T = TypeVar("T")
P = Permission

FILE_BYTES_OF_PREMIUM = (DEFAULT_FILE_BYTES, 50 * MIB, 500 * MIB, 50 * MIB)
CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3
DEFAULT_TYPE, REPLY_TYPE = 0, 19  # of messages


class InteractionResult:
    """One interaction from the person's side; all properties are live."""

    def __init__(self, interaction: Interaction, interactions: InteractionService) -> None:
        self.interaction = interaction
        self._interactions = interactions

    @property
    def id(self) -> int:
        return self.interaction.id

    @property
    def acknowledged(self) -> bool:
        """Whether the application responded in time."""
        return self.interaction.callback_type is not None

    @property
    def failed(self) -> bool:
        """Whether the client shows “The application did not respond”."""
        is_over = self._interactions.age(self.interaction) >= self._interactions.state.ack_seconds
        return not self.acknowledged and is_over

    @property
    def latency(self) -> float | None:
        """The seconds until the first response."""
        return self.interaction.latency

    @property
    def callback_type(self) -> CallbackType | None:
        """The type of the first response."""
        return self.interaction.callback_type

    @property
    def message(self) -> Message | None:
        """The response message: a new one, or the updated one whose component was used."""
        return self.interaction.original

    @property
    def followups(self) -> tuple[Message, ...]:
        return tuple(self.interaction.followups)

    @property
    def ephemeral(self) -> bool:
        """Whether only this person sees the response."""
        return self.message is not None and self.message.ephemeral

    @property
    def text(self) -> str:
        """All visible text of the response and the followups that are not deleted."""
        messages = [one for one in (self.message, *self.followups) if one is not None and not one.deleted]
        return "\n".join(one.text for one in messages)

    @property
    def modal(self) -> Json | None:
        """The modal that opened."""
        return self.interaction.modal

    @property
    def choices(self) -> list[Json] | None:
        """The choices that autocomplete offers."""
        return self.interaction.choices

    async def wait(self) -> Self:
        """Wait until the application has responded or its time is over."""
        clock = self._interactions.state.clock
        responded = asyncio.ensure_future(self.interaction.responded.wait())
        timed_out = asyncio.ensure_future(clock.sleep(self._interactions.state.ack_seconds))
        try:
            await asyncio.wait({responded, timed_out}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (responded, timed_out):
                task.cancel()
            await asyncio.gather(responded, timed_out, return_exceptions=True)
        if not self.acknowledged:
            self._interactions.publish_update(self.interaction)
        return self

    async def wait_for(self, check: Callable[[Self], T | None], timeout: float = WAIT_LIMIT) -> T:  # noqa: ASYNC109 - passed on
        """Return the first truthy result of ``check(self)``, which is called now and after every event."""
        return await self._interactions.state.wait_for(lambda: check(self), timeout)


class Person:
    """Acts as ``user``; raises ``ClientRefused`` where Discord's client does not allow it.

    Methods that start an interaction return once the application has responded or its three seconds are over; with
    ``wait=False`` they return at once.
    """

    def __init__(self, user: User, services: Services) -> None:
        self.user = user
        self._services = services

    def __repr__(self) -> str:
        return f"<Person {self.user.username}>"

    def max_file_bytes(self, channel: Channel) -> int:
        """Return the size of the largest file that this person may send here."""
        return max(FILE_BYTES_OF_PREMIUM[self.user.premium_type], channel.max_file_bytes)

    def available_commands(self, channel: Channel) -> list[Command]:
        """Return the commands that the client offers this person here."""
        guild_id = channel.guild.id if channel.guild else None
        commands = self._services.commands.visible(guild_id)
        return [one for one in commands if authorizing_owners(one, self.user, channel, self._services.state)]

    def visible_messages(self, channel: Channel) -> list[Message]:
        """Return the messages that this person sees there, oldest first."""
        if not self._services.state.permissions(channel, self.user) & P.VIEW_CHANNEL:
            return []
        return [message for message in channel.messages.values() if message.audience in {None, self.user}]

    # -- interactions

    async def use_command(
        self, channel: Channel, command: str, values: Mapping[str, Any] | None = None, *, wait: bool = True
    ) -> InteractionResult:
        """Use a slash command; a subcommand is written with spaces: ``"models add"``."""
        return await self._use_command(InteractionType.COMMAND, channel, command, values or {}, wait=wait)

    async def autocomplete(
        self, channel: Channel, command: str, values: Mapping[str, Any], focused: str, *, wait: bool = True
    ) -> InteractionResult:
        """Type in an option; the result's ``choices`` are what is offered."""
        return await self._use_command(
            InteractionType.AUTOCOMPLETE, channel, command, {focused: "", **values}, wait=wait, focused=focused
        )

    async def use_context_menu(
        self, target: Message | User, name: str, channel: Channel | None = None, *, wait: bool = True
    ) -> InteractionResult:
        """Use a command in the context menu of a message, or of a user in ``channel``."""
        services = self._services
        if isinstance(target, User):
            if channel is None:
                raise ClientRefused("The context menu of a user needs a channel.")
            resolved: Json = {"users": {str(target.id): serialize_user(target)}}
            if member := find_member(channel.guild, target):
                data = {**serialize_member(member, with_user=False), "permissions": "0"}
                resolved["members"] = {str(target.id): data}
            type_ = USER_MENU
        else:
            channel = target.channel
            self._check_visible(target)
            resolved = {"messages": {str(target.id): serialize_message(target, services.cdn, services.state.bot)}}
            type_ = MESSAGE_MENU
        command, owners = find_usable_command(services, self.user, channel, name, type_)
        data = {
            "id": str(command.id), "name": command.name, "type": type_,
            "target_id": str(target.id), "resolved": resolved,
        }  # fmt: skip
        return await self._begin(InteractionType.COMMAND, channel, data, owners, wait=wait, command_type=type_)

    async def press(self, message: Message, button: str, *, wait: bool = True) -> InteractionResult:
        """Press a button, named by its custom id or label."""
        control = self._find_control(message, button)
        if control["type"] != ComponentType.BUTTON:
            raise ClientRefused(f"“{button}” is not a button.")
        return await self._use_control(message, control, {}, wait=wait)

    async def choose(
        self, message: Message, select: str, values: Sequence[Any], *, wait: bool = True
    ) -> InteractionResult:
        """Choose in a select, named by its custom id or placeholder; strings by value or label, else the objects."""
        control = self._find_control(message, select)
        if control["type"] not in SELECTS:
            raise ClientRefused(f"“{select}” is not a select.")
        low, high = control["min_values"], control["max_values"]
        if not low <= len(values) <= high:
            raise ClientRefused(f"“{select}” needs {low} to {high} values, not {len(values)}.")
        data: Json = {"values": list(values)}
        if control["type"] == ComponentType.STRING_SELECT:
            data["values"] = match_choices(control, select, list(values))
        else:
            check_entities(control, select, values)
            options = CommandOptions(self._services.state, message.channel.guild, self._uploader(message.channel))
            data["values"] = [options.resolve(value) for value in values]
            data["resolved"] = options.resolved
        return await self._use_control(message, control, data, wait=wait)

    async def submit(
        self, result: InteractionResult, values: Mapping[str, Any], *, wait: bool = True
    ) -> InteractionResult:
        """Fill in the modal of ``result`` by custom ids or labels and submit it."""
        trigger = result.interaction
        if result.modal is None or trigger.user is not self.user:
            raise ClientRefused("No modal is open.")
        options = CommandOptions(self._services.state, trigger.channel.guild, self._uploader(trigger.channel))
        filled = ModalForm(result.modal, options).fill(values)
        data: Json = {"custom_id": result.modal["custom_id"], "components": filled}
        if options.resolved:
            data["resolved"] = options.resolved
        return await self._begin(
            InteractionType.MODAL_SUBMIT, trigger.channel, data, dict(trigger.owners), wait=wait,
            message=trigger.message, trigger=trigger, command_type=trigger.command_type,
        )  # fmt: skip

    # -- messages and reactions

    async def send_message(
        self, channel: Channel, text: str = "", files: Sequence[Upload] = (), reply_to: Message | None = None
    ) -> Message:
        permissions, messages = self._services.state.permissions(channel, self.user), self._services.messages
        if not permissions & send_permission(channel) or (files and not permissions & P.ATTACH_FILES):
            raise ClientRefused("You do not have permission to send that here.")
        payload = MessagePayload({"content": text}, dict(enumerate(files)))
        with refuse_api_errors():
            limit = self.max_file_bytes(channel)
            body = build_body(payload, None, limit=limit, store=messages.file_store(channel))
            messages.check_blocked_words(channel, body)
        mentions = resolve_mentions(body, channel, self.user, None)
        type_ = REPLY_TYPE if reply_to else DEFAULT_TYPE
        return messages.create(channel, self.user, body, mentions, type=type_, reference=reply_to)

    async def edit(self, message: Message, text: str) -> None:
        """Edit one's own message."""
        if message.author is not self.user:
            raise ClientRefused("Only the author can edit a message.")
        messages = self._services.messages
        payload, store = MessagePayload({"content": text}), messages.file_store(message.channel)
        with refuse_api_errors():
            body = build_body(payload, message.body, limit=0, store=store)
            messages.check_blocked_words(message.channel, body)
        messages.edit(message, body)

    async def delete(self, message: Message) -> None:
        """Delete one's own message, or with MANAGE_MESSAGES anyone's; an ephemeral one is only dismissed.

        One's own are also those of an app that one has installed for oneself alone (seen in Discord's client; Vencord
        pull request 3806 tells them by the same owners).
        """
        self._check_visible(message)
        permissions = self._services.state.permissions(message.channel, self.user)
        owners = (message.interaction_metadata or {}).get("authorizing_integration_owners", {})
        is_own = message.author is self.user or owners == {"1": str(self.user.id)}
        if not is_own and not message.ephemeral and not permissions & P.MANAGE_MESSAGES:
            raise ClientRefused("You do not have permission to delete this message.")
        self._services.messages.delete(message)

    async def react(self, message: Message, emoji: str, *, burst: bool = False) -> None:
        """Add a reaction, or a super reaction (``burst``)."""
        self._check_visible(message)
        permissions = self._services.state.permissions(message.channel, self.user)
        with refuse_api_errors():
            parsed = parse_emoji(emoji)
            if message.ephemeral or (parsed.key not in message.reactions and not permissions & P.ADD_REACTIONS):
                raise ClientRefused("You do not have permission to react here.")
            self._services.messages.add_reaction(message, self.user, parsed, burst=burst)

    async def remove_reaction(self, message: Message, emoji: str) -> None:
        """Remove one's own reaction."""
        self._services.messages.remove_reaction(message, self.user, parse_emoji(emoji))

    # -- servers

    def remove_bot(self, guild: Guild) -> None:
        """Remove the bot from a server that this person owns."""
        if guild.owner_id != self.user.id:
            raise ClientRefused("You do not have permission to remove members.")
        self._services.state.remove_member(guild, self._services.state.bot)

    async def _use_command(
        self, type_: InteractionType, channel: Channel, path: str, values: Mapping[str, Any],
        *, wait: bool, focused: str | None = None,
    ) -> InteractionResult:  # fmt: skip
        name, *subcommands = path.removeprefix("/").split()
        command, owners = find_usable_command(self._services, self.user, channel, name, CHAT_INPUT)
        declared, steps = resolve_subcommand(command.data, subcommands)
        if focused is not None and not any(one["name"] == focused and one.get("autocomplete") for one in declared):
            raise ClientRefused(f"The option “{focused}” does not autocomplete.")
        options = CommandOptions(self._services.state, channel.guild, self._uploader(channel))
        filled = options.fill(declared, values, focused=focused)
        for step in reversed(steps):
            filled = [{**step, "options": filled}]
        data: Json = {"id": str(command.id), "name": command.name, "type": CHAT_INPUT, "options": filled}
        if command.guild_id is not None:
            data["guild_id"] = str(command.guild_id)
        if options.resolved:
            data["resolved"] = options.resolved
        return await self._begin(type_, channel, data, owners, wait=wait)

    async def _use_control(self, message: Message, control: Json, fields: Json, *, wait: bool) -> InteractionResult:
        owners = (message.interaction_metadata or {}).get("authorizing_integration_owners")
        if owners is None:
            owners = {"0": str(message.channel.guild.id) if message.channel.guild else "0"}
        data = {"custom_id": control["custom_id"], "component_type": control["type"], "id": control["id"], **fields}
        return await self._begin(InteractionType.COMPONENT, message.channel, data, owners, wait=wait, message=message)

    async def _begin(
        self, type_: InteractionType, channel: Channel, data: Json, owners: dict[str, str], *, wait: bool, **fields: Any
    ) -> InteractionResult:
        permissions = self._services.state.permissions(channel, self.user)
        interaction = self._services.interactions.begin(
            type_, user=self.user, channel=channel, data=data, owners=owners,
            file_limit=self.max_file_bytes(channel),
            always_ephemeral="0" not in owners and not can_reply_publicly(channel, permissions), **fields,
        )  # fmt: skip
        result = InteractionResult(interaction, self._services.interactions)
        return await result.wait() if wait else result

    def _uploader(self, channel: Channel) -> UploadFile:
        """Return the function that uploads a file for an interaction in ``channel``."""
        services = self._services

        def upload_file(upload: Upload) -> tuple[Attachment, Json]:
            if len(upload.data) > self.max_file_bytes(channel):
                raise ClientRefused(f"Your files are too powerful: “{upload.name}” is larger than the limit here.")
            stored = services.messages.store_file(upload, "ephemeral-attachments", services.state.application.id)
            return stored, serialize_attachment(stored, services.cdn)

        return upload_file

    def _find_control(self, message: Message, name: str) -> Json:
        self._check_visible(message)
        control = find_control(message.components, name)
        if control is None:
            raise ClientRefused(f"The message has no control “{name}”. Its buttons: {', '.join(message.buttons)}.")
        if control.get("disabled"):
            raise ClientRefused(f"“{name}” is disabled.")
        return control

    def _check_visible(self, message: Message) -> None:
        if message not in self.visible_messages(message.channel):
            raise ClientRefused("You can't see this message.")
