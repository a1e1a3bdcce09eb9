"""What Discord's client checks before it sends anything: which commands a person has, options, modal fields."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bot.limits import INTEGER_BOUND, MODAL_FILES, STRING_OPTION_CHARS, TEXT_INPUT_CHARS
from sandbox.discord.errors import ApiError
from sandbox.discord.serializers import find_member, serialize_channel, serialize_member, serialize_role, serialize_user
from sandbox.discord.state.components import SELECTS, ComponentType
from sandbox.discord.state.models import Attachment, Channel, Guild, Role, Upload, User
from sandbox.discord.state.permissions import Permission, send_permission

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.discord.services import Services
    from sandbox.discord.services.commands import Command
    from sandbox.discord.state.state import DiscordState


class ClientRefused(Exception):
    """The client said no before anything was sent; the text is what the person reads."""


@contextmanager
def refuse_api_errors() -> Iterator[None]:
    """Turn Discord's no into what the client shows for it."""
    try:
        yield
    except ApiError as error:
        raise ClientRefused(f"{error.refusal.message}.") from error


Json = dict[str, Any]
SUB_COMMAND, SUB_COMMAND_GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(
    1, 12
)
TYPES_BY_ID: dict[int, tuple[type, ...]] = {
    USER: (User,),
    CHANNEL: (Channel,),
    ROLE: (Role,),
    MENTIONABLE: (User, Role),
    ATTACHMENT: (Upload,),
}


class CommandOptions:
    """Turns values by option name into what an interaction carries: options, and what their ids stand for."""

    def __init__(
        self, state: DiscordState, guild: Guild | None, upload: Callable[[Upload], tuple[Attachment, Json]]
    ) -> None:
        self._state = state
        self._guild = guild
        self._upload = upload
        self.resolved: dict[str, Json] = {}

    def fill(self, declared: list[Json], values: Mapping[str, Any], *, focused: str | None = None) -> list[Json]:
        """Return the options as Discord sends them; with ``focused`` (autocomplete) nothing is required yet."""
        by_name = {option["name"]: option for option in declared}
        for name in values:
            if name not in by_name:
                raise ClientRefused(f"There is no option “{name}”; there are: {', '.join(by_name) or 'none'}.")
        filled = []
        for name, option in by_name.items():
            if values.get(name) is None:
                if option.get("required") and focused is None:
                    raise ClientRefused(f"The option “{name}” is required.")
                continue
            partial = focused is not None
            one = {"name": name, "type": option["type"]}
            one["value"] = self._partial(option, values[name]) if partial else self._value(option, values[name])
            if name == focused:
                one["focused"] = True
            filled.append(one)
        return filled

    def _partial(self, option: Json, value: Any) -> Any:
        return value if option["type"] in {STRING, INTEGER, NUMBER, BOOLEAN} else self._value(option, value)

    def _value(self, option: Json, value: Any) -> Any:
        kind, name = option["type"], option["name"]
        if kind in TYPES_BY_ID:
            if not isinstance(value, TYPES_BY_ID[kind]):
                wanted = " or ".join(one.__name__ for one in TYPES_BY_ID[kind])
                raise ClientRefused(f"The option “{name}” takes a {wanted}.")
            return self.resolve(value)
        if option.get("choices"):
            return _choice_value(option, value)
        if kind == STRING:
            return _string_value(option, value)
        if kind == BOOLEAN:
            if not isinstance(value, bool):
                raise ClientRefused(f"The option “{name}” takes True or False.")
            return value
        return _number_value(option, value)

    def resolve(self, value: Any) -> str:
        """Return the id of a user, role, channel or upload, and note what it stands for."""
        if isinstance(value, Upload):
            attachment, told = self._upload(value)
            self._note("attachments", attachment.id, told)
            return str(attachment.id)
        if isinstance(value, User):
            self._note("users", value.id, serialize_user(value))
            member = find_member(self._guild, value)
            if member is not None:
                self._note("members", value.id, {**serialize_member(member, with_user=False), "permissions": "0"})
        elif isinstance(value, Channel):
            self._note("channels", value.id, {**serialize_channel(value, self._state.bot), "permissions": "0"})
        else:
            self._note("roles", value.id, serialize_role(value))
        return str(value.id)

    def _note(self, what: str, id_: int, data: Json) -> None:
        self.resolved.setdefault(what, {})[str(id_)] = data


def _choice_value(option: Json, value: Any) -> Any:
    for choice in option["choices"]:
        if value == choice["value"] or value == choice["name"]:
            return choice["value"]
    offered = ", ".join(str(choice["name"]) for choice in option["choices"])
    raise ClientRefused(f"The option “{option['name']}” takes one of: {offered}.")


def _string_value(option: Json, value: Any) -> str:
    name = option["name"]
    if not isinstance(value, str) or not value:
        raise ClientRefused(f"The option “{name}” takes a text.")
    low, high = option.get("min_length") or 0, option.get("max_length") or STRING_OPTION_CHARS
    if not low <= len(value) <= high:
        raise ClientRefused(f"The option “{name}” takes {low} to {high} characters, not {len(value)}.")
    return value


def _number_value(option: Json, value: Any) -> int | float:
    name, whole = option["name"], option["type"] == INTEGER
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise ClientRefused(f"The option “{name}” takes a {'whole number' if whole else 'number'}.")
    low = option.get("min_value", -INTEGER_BOUND)
    high = option.get("max_value", INTEGER_BOUND)
    if not low <= value <= high:
        raise ClientRefused(f"The option “{name}” takes a number from {low} to {high}.")
    return value


def resolve_subcommand(data: Json, path: list[str]) -> tuple[list[Json], list[Json]]:
    """Return the declared options of a subcommand, and its steps as interactions carry them, outermost first."""
    declared: list[Json] = data.get("options") or []
    steps: list[Json] = []
    for word in path:
        found = next(
            (one for one in declared if one["name"] == word and one["type"] in {SUB_COMMAND, SUB_COMMAND_GROUP}), None
        )
        if found is None:
            raise ClientRefused(f"The command “{data['name']}” has no subcommand “{word}”.")
        steps.append({"type": found["type"], "name": word})
        declared = found.get("options") or []
    if any(one["type"] in {SUB_COMMAND, SUB_COMMAND_GROUP} for one in declared):
        names = ", ".join(one["name"] for one in declared)
        raise ClientRefused(f"Choose a subcommand of “{data['name']}”: {names}.")
    return declared, steps


T = ComponentType


class ModalForm:
    """Turns values by custom id or label into what a submit carries."""

    def __init__(self, modal: Json, upload: Callable[[Upload], tuple[Attachment, Json]]) -> None:
        self._modal = modal
        self._upload = upload
        self.attachments: dict[str, Json] = {}

    def fill(self, values: Mapping[str, Any]) -> list[Json]:
        """Return the submitted components; what has no value keeps what the modal proposed."""
        left = dict(values)
        filled = [self._top(item, left) for item in self._modal["components"]]
        if left:
            raise ClientRefused(f"The modal has no field “{next(iter(left))}”.")
        return filled

    def _top(self, item: Json, left: dict[str, Any]) -> Json:
        told: Json = {"type": item["type"], "id": item["id"]}
        if item["type"] == T.LABEL:
            told["component"] = self._field(item["component"], item["label"], left)
        elif item["type"] == T.ACTION_ROW:
            told["components"] = [self._field(one, one.get("label", ""), left) for one in item["components"]]
        return told

    def _field(self, field: Json, label: str, left: dict[str, Any]) -> Json:
        given = left.pop(field["custom_id"], left.pop(label, None))
        told: Json = {"type": field["type"], "id": field["id"], "custom_id": field["custom_id"]}
        kind = field["type"]
        if kind == T.TEXT_INPUT:
            told["value"] = _text_input_value(field, label, field.get("value") or "" if given is None else given)
        elif kind == T.CHECKBOX:
            told["value"] = bool(field.get("default") if given is None else given)
        elif kind == T.RADIO_GROUP:
            told["value"] = _radio_value(field, label, given)
        elif kind == T.FILE_UPLOAD:
            told["values"] = self._files(field, label, given)
        else:
            told["values"] = _selected_values(field, label, given)
        return told

    def _files(self, field: Json, label: str, given: Any) -> list[str]:
        uploads = [given] if isinstance(given, Upload) else list(given or ())
        _check_count(field, label, len(uploads), most=min(field.get("max_values") or 1, MODAL_FILES))
        ids = []
        for upload in uploads:
            attachment, told = self._upload(upload)
            self.attachments[str(attachment.id)] = told
            ids.append(str(attachment.id))
        return ids


def match_choices(field: Json, label: str, given: list[str]) -> list[str]:
    """Return the values of the chosen options, which may be named by value or label."""
    if field["type"] not in {T.STRING_SELECT, T.CHECKBOX_GROUP, T.RADIO_GROUP}:
        return given
    by_name = {one["label"]: one["value"] for one in field["options"]} | {
        one["value"]: one["value"] for one in field["options"]
    }
    unknown = next((one for one in given if one not in by_name), None)
    if unknown is not None:
        raise ClientRefused(f"“{label}” has no choice “{unknown}”.")
    return [by_name[one] for one in given]


def _selected_values(field: Json, label: str, given: Any) -> list[str]:
    proposed = [one["value"] for one in field.get("options") or () if one.get("default")]
    chosen = (
        proposed if given is None else match_choices(field, label, [given] if isinstance(given, str) else list(given))
    )
    most = field.get("max_values") or (1 if field["type"] in SELECTS else len(field["options"]))
    _check_count(field, label, len(chosen), most=most)
    return chosen


def _radio_value(field: Json, label: str, given: Any) -> str | None:
    proposed = [one["value"] for one in field["options"] if one.get("default")]
    chosen = proposed if given is None else match_choices(field, label, [given])
    _check_count(field, label, len(chosen), most=1)
    return chosen[0] if chosen else None


def _check_count(field: Json, label: str, count: int, *, most: int) -> None:
    required = field.get("required", True)
    least = field.get("min_values")
    least = 1 if least is None else least
    if count == 0 and not required:
        return
    if not max(least, 1 if required else 0) <= count <= most:
        raise ClientRefused(f"“{label}” takes {least} to {most} values, not {count}.")


def _text_input_value(field: Json, label: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ClientRefused(f"“{label}” takes a text.")
    if not value and not field.get("required", True):
        return value
    low = field.get("min_length") or (1 if field.get("required", True) else 0)
    high = field.get("max_length") or TEXT_INPUT_CHARS
    if not low <= len(value) <= high:
        raise ClientRefused(f"“{label}” takes {low} to {high} characters, not {len(value)}.")
    return value


GUILD_INSTALL, USER_INSTALL = 0, 1
IN_GUILD, IN_BOT_DM, IN_PRIVATE_CHANNEL = 0, 1, 2


def authorizing_owners(command: Command, user: User, channel: Channel, state: DiscordState) -> dict[str, str]:
    """Return the installations that let ``user`` use ``command`` here, as interactions carry them; none means no."""
    rights = state.permissions(channel, user)
    if not rights & Permission.USE_APPLICATION_COMMANDS:
        return {}
    context = context_of(channel, state)
    types = command.data.get("integration_types") or [GUILD_INSTALL]
    contexts = command.data.get("contexts")
    if contexts is None:
        contexts = [IN_GUILD, IN_BOT_DM, *([IN_PRIVATE_CHANNEL] if USER_INSTALL in types else [])]
    if context not in contexts or (context == IN_BOT_DM and command.data.get("dm_permission") is False):
        return {}
    needed = command.data.get("default_member_permissions")
    if needed is not None and channel.guild is not None and not _has_permissions(rights, int(needed)):
        return {}
    owners = {}
    if GUILD_INSTALL in types and channel.guild is not None and state.bot.id in channel.guild.members:
        owners["0"] = str(channel.guild.id)
    elif GUILD_INSTALL in types and context == IN_BOT_DM:
        owners["0"] = "0"
    if USER_INSTALL in types and user.installed:
        owners["1"] = str(user.id)
    return owners


def can_reply_publicly(channel: Channel, rights: Permission) -> bool:
    """Return whether an app that only the person installed may answer so that others see it."""
    needed = Permission.USE_EXTERNAL_APPS | send_permission(channel)
    return not needed & ~rights


def context_of(channel: Channel, state: DiscordState) -> int:
    """Return whether ``channel`` is in a guild, the bot's own DM, or another private conversation."""
    if channel.guild is not None:
        return IN_GUILD
    return IN_BOT_DM if state.bot in channel.recipients else IN_PRIVATE_CHANNEL


def find_usable_command(
    services: Services, user: User, channel: Channel, name: str, type_: int
) -> tuple[Command, dict[str, str]]:
    """Return the command of that name and by whose installation ``user`` has it here."""
    if not services.state.permissions(channel, user) & Permission.VIEW_CHANNEL:
        raise ClientRefused(f"{user.name} does not see this channel.")
    found = services.commands.find(name, type_, channel.guild.id if channel.guild else None)
    if found is None:
        names = ", ".join(command.name for command in services.commands.in_scope() if command.type == type_)
        raise ClientRefused(f"There is no command “{name}”; registered: {names or 'none'}.")
    owners = authorizing_owners(found, user, channel, services.state)
    if not owners:
        raise ClientRefused(f"{user.name} cannot use “{name}” here.")
    return found, owners


def _has_permissions(rights: Permission, needed: int) -> bool:
    if needed == 0:
        return bool(rights & Permission.ADMINISTRATOR)
    return not needed & ~rights or bool(rights & Permission.ADMINISTRATOR)
