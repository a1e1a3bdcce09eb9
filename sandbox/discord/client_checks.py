"""What Discord's client checks before it sends anything: available commands, options, fields of a modal."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bot.limits import INTEGER_BOUND, MODAL_FILES, STRING_OPTION_CHARS, TEXT_INPUT_CHARS
from sandbox.discord.errors import ApiError
from sandbox.discord.serializers import serialize_channel, serialize_member, serialize_role, serialize_user
from sandbox.discord.services import Services
from sandbox.discord.services.commands import Command
from sandbox.discord.state.components import SELECTS, ComponentType
from sandbox.discord.state.models import Attachment, Channel, Guild, Role, Upload, User, find_member
from sandbox.discord.state.permissions import Permission, send_permission
from sandbox.discord.state.state import DiscordState

Json = dict[str, Any]
UploadFile = Callable[[Upload], tuple[Attachment, Json]]
T = ComponentType

# Installation contexts (resources/application#installation-context) and where a command is used.
GUILD_INSTALL, USER_INSTALL = 0, 1
IN_GUILD, IN_BOT_DM, IN_PRIVATE_CHANNEL = 0, 1, 2

# Option types.
SUB_COMMAND, SUB_COMMAND_GROUP, STRING, INTEGER, BOOLEAN = 1, 2, 3, 4, 5
USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = 6, 7, 8, 9, 10, 11
RESOLVED_TYPES: dict[int, tuple[tuple[type, ...], str]] = {
    USER: ((User,), "a user"),
    CHANNEL: ((Channel,), "a channel"),
    ROLE: ((Role,), "a role"),
    MENTIONABLE: ((User, Role), "a user or role"),
    ATTACHMENT: ((Upload,), "a file"),
}


# What each select offers, and its name in a sentence (components/reference).
ENTITY_SELECTS: dict[int, tuple[tuple[type, ...], str]] = {
    T.USER_SELECT: ((User,), "users"),
    T.ROLE_SELECT: ((Role,), "roles"),
    T.MENTIONABLE_SELECT: ((User, Role), "users or roles"),
    T.CHANNEL_SELECT: ((Channel,), "channels of a kind that it offers"),
}


class ClientRefused(Exception):
    """The client does not let the person do this; nothing was sent. The text is what the person reads."""


@contextmanager
def refuse_api_errors() -> Iterator[None]:
    """Raise ClientRefused with the message of an API error."""
    try:
        yield
    except ApiError as error:
        raise ClientRefused(f"{error.kind.message}.") from error


# -- available commands


def authorizing_owners(command: Command, user: User, channel: Channel, state: DiscordState) -> dict[str, str]:
    """Return the installations that let ``user`` use ``command`` here, as interactions carry them; empty means none."""
    permissions = state.permissions(channel, user)
    if not permissions & Permission.USE_APPLICATION_COMMANDS:
        return {}
    context = context_of(channel, state)
    types = command.data.get("integration_types") or [GUILD_INSTALL]
    contexts = command.data.get("contexts")
    if contexts is None:
        contexts = [IN_GUILD, IN_BOT_DM, *([IN_PRIVATE_CHANNEL] if USER_INSTALL in types else [])]
    if context not in contexts or (context == IN_BOT_DM and command.data.get("dm_permission") is False):
        return {}
    required = command.data.get("default_member_permissions")
    if required is not None and channel.guild is not None and not _has_permissions(permissions, int(required)):
        return {}
    if command.data.get("nsfw") and channel.guild is not None and not channel.is_age_restricted:
        return {}
    owners = {}
    if GUILD_INSTALL in types and channel.guild is not None and state.bot.id in channel.guild.members:
        owners["0"] = str(channel.guild.id)
    elif GUILD_INSTALL in types and context == IN_BOT_DM:
        owners["0"] = "0"
    if USER_INSTALL in types and user.installed:
        owners["1"] = str(user.id)
    return owners


def can_reply_publicly(channel: Channel, permissions: Permission) -> bool:
    """Return whether an app that only the person installed may respond so that others see it."""
    required = Permission.USE_EXTERNAL_APPS | send_permission(channel)
    return not required & ~permissions


def context_of(channel: Channel, state: DiscordState) -> int:
    """Return whether ``channel`` is in a guild, the bot's DM, or another DM."""
    if channel.guild is not None:
        return IN_GUILD
    return IN_BOT_DM if state.bot in channel.recipients else IN_PRIVATE_CHANNEL


def find_usable_command(
    services: Services, user: User, channel: Channel, name: str, type_: int
) -> tuple[Command, dict[str, str]]:
    """Return the command with that name and the installations that let ``user`` use it here, or raise ClientRefused."""
    if not services.state.permissions(channel, user) & Permission.VIEW_CHANNEL:
        raise ClientRefused(f"{user.name} can't see this channel.")
    command = services.commands.find(name, type_, channel.guild.id if channel.guild else None)
    if command is None:
        names = ", ".join(one.name for one in services.commands.in_scope() if one.type == type_)
        raise ClientRefused(f"There is no command “{name}”. Registered: {names or 'none'}.")
    owners = authorizing_owners(command, user, channel, services.state)
    if not owners:
        raise ClientRefused(f"{user.name} can't use “{name}” here.")
    return command, owners


def _has_permissions(permissions: Permission, required: int) -> bool:
    if required == 0:
        return bool(permissions & Permission.ADMINISTRATOR)
    return not required & ~permissions or bool(permissions & Permission.ADMINISTRATOR)


# -- options of a slash command


def resolve_subcommand(data: Json, path: list[str]) -> tuple[list[Json], list[Json]]:
    """Return the declared options of a subcommand, and its steps as interactions carry them, outermost first."""
    declared: list[Json] = data.get("options") or []
    steps: list[Json] = []
    for name in path:
        found = next(
            (one for one in declared if one["name"] == name and one["type"] in {SUB_COMMAND, SUB_COMMAND_GROUP}), None
        )
        if found is None:
            raise ClientRefused(f"The command “{data['name']}” has no subcommand “{name}”.")
        steps.append({"type": found["type"], "name": name})
        declared = found.get("options") or []
    if any(one["type"] in {SUB_COMMAND, SUB_COMMAND_GROUP} for one in declared):
        names = ", ".join(one["name"] for one in declared)
        raise ClientRefused(f"Choose a subcommand of “{data['name']}”: {names}.")
    return declared, steps


class CommandOptions:
    """Converts values by option name to the options of an interaction; ``resolved`` holds the objects by their ids."""

    def __init__(self, state: DiscordState, guild: Guild | None, upload: UploadFile) -> None:
        self._state = state
        self._guild = guild
        self._upload = upload
        self.resolved: dict[str, Json] = {}

    def fill(self, declared: list[Json], values: Mapping[str, Any], *, focused: str | None = None) -> list[Json]:
        """Return the options as Discord sends them; with ``focused`` (autocomplete) none is required yet."""
        by_name = {option["name"]: option for option in declared}
        for name in values:
            if name not in by_name:
                raise ClientRefused(f"There is no option “{name}”. Options: {', '.join(by_name) or 'none'}.")
        filled = []
        for name, option in by_name.items():
            if values.get(name) is None:
                if option.get("required") and focused is None:
                    raise ClientRefused(f"The option “{name}” is required.")
                continue
            convert = self._convert if focused is None else self._convert_partial
            entry = {"name": name, "type": option["type"], "value": convert(option, values[name])}
            if name == focused:
                entry["focused"] = True
            filled.append(entry)
        return filled

    def resolve(self, value: Any) -> str:
        """Add a user, role, channel or upload to ``resolved`` and return its id."""
        if isinstance(value, Upload):
            attachment, data = self._upload(value)
            self._add_resolved("attachments", attachment.id, data)
            return str(attachment.id)
        if isinstance(value, User):
            self._add_resolved("users", value.id, serialize_user(value))
            member = find_member(self._guild, value)
            if member is not None:
                data = {**serialize_member(member, with_user=False), "permissions": "0"}
                self._add_resolved("members", value.id, data)
        elif isinstance(value, Channel):
            data = {**serialize_channel(value, self._state.bot), "permissions": "0"}
            self._add_resolved("channels", value.id, data)
        else:
            self._add_resolved("roles", value.id, serialize_role(value))
        return str(value.id)

    def find(self, kind: str, entity_id: int) -> User | Role | Channel | None:
        """Return what a select's default stands for; ``kind`` is user, role or channel."""
        if kind == "user":
            return self._state.users.get(entity_id)
        if kind == "role":
            return self._guild.roles.get(entity_id) if self._guild else None
        return self._state.channels.get(entity_id)

    def _convert_partial(self, option: Json, value: Any) -> Any:
        return value if option["type"] in {STRING, INTEGER, NUMBER, BOOLEAN} else self._convert(option, value)

    def _convert(self, option: Json, value: Any) -> Any:
        type_, name = option["type"], option["name"]
        if type_ in RESOLVED_TYPES:
            classes, expected = RESOLVED_TYPES[type_]
            if not isinstance(value, classes):
                raise ClientRefused(f"The option “{name}” must be {expected}.")
            return self.resolve(value)
        if option.get("choices"):
            return _choice_value(option, value)
        if type_ == STRING:
            return _string_value(option, value)
        if type_ == BOOLEAN:
            if not isinstance(value, bool):
                raise ClientRefused(f"The option “{name}” must be True or False.")
            return value
        return _number_value(option, value)

    def _add_resolved(self, kind: str, id_: int, data: Json) -> None:
        self.resolved.setdefault(kind, {})[str(id_)] = data


def _choice_value(option: Json, value: Any) -> Any:
    for choice in option["choices"]:
        if value == choice["value"] or value == choice["name"]:
            return choice["value"]
    names = ", ".join(str(choice["name"]) for choice in option["choices"])
    raise ClientRefused(f"The option “{option['name']}” must be one of: {names}.")


def _string_value(option: Json, value: Any) -> str:
    name = option["name"]
    if not isinstance(value, str) or not value:
        raise ClientRefused(f"The option “{name}” must be a text.")
    low, high = option.get("min_length") or 0, option.get("max_length") or STRING_OPTION_CHARS
    if not low <= len(value) <= high:
        raise ClientRefused(f"The option “{name}” must have {low} to {high} characters, not {len(value)}.")
    return value


def _number_value(option: Json, value: Any) -> int | float:
    name, integer = option["name"], option["type"] == INTEGER
    if isinstance(value, bool) or not isinstance(value, int if integer else int | float):
        raise ClientRefused(f"The option “{name}” must be a {'whole number' if integer else 'number'}.")
    low = option.get("min_value", -INTEGER_BOUND)
    high = option.get("max_value", INTEGER_BOUND)
    if not low <= value <= high:
        raise ClientRefused(f"The option “{name}” must be a number from {low} to {high}.")
    return value


# -- fields of a modal (components/reference)


class ModalForm:
    """Converts values by custom id or label to the components of a submitted modal.

    ``options`` resolves users, roles, channels and files; as in a command, an interaction carries what is ``resolved``.
    """

    def __init__(self, modal: Json, options: CommandOptions) -> None:
        self._modal = modal
        self._options = options

    def fill(self, values: Mapping[str, Any]) -> list[Json]:
        """Return the submitted components; fields without a value keep the modal's defaults."""
        remaining = dict(values)
        filled = [self._fill_component(item, remaining) for item in self._modal["components"]]
        if remaining:
            raise ClientRefused(f"The modal has no field “{next(iter(remaining))}”.")
        return filled

    def _fill_component(self, item: Json, remaining: dict[str, Any]) -> Json:
        filled: Json = {"type": item["type"], "id": item["id"]}
        if item["type"] == T.LABEL:
            filled["component"] = self._fill_field(item["component"], item["label"], remaining)
        elif item["type"] == T.ACTION_ROW:
            filled["components"] = [
                self._fill_field(child, child.get("label", ""), remaining) for child in item["components"]
            ]
        return filled

    def _fill_field(self, field: Json, label: str, remaining: dict[str, Any]) -> Json:
        value = remaining.pop(field["custom_id"], remaining.pop(label, None))
        filled: Json = {"type": field["type"], "id": field["id"], "custom_id": field["custom_id"]}
        type_ = field["type"]
        if type_ == T.TEXT_INPUT:
            filled["value"] = _text_input_value(field, label, field.get("value") or "" if value is None else value)
        elif type_ == T.CHECKBOX:
            filled["value"] = bool(field.get("default") if value is None else value)
        elif type_ == T.RADIO_GROUP:
            filled["value"] = _radio_value(field, label, value)
        elif type_ == T.FILE_UPLOAD:
            filled["values"] = self._upload_files(field, label, value)
        elif type_ in ENTITY_SELECTS:
            filled["values"] = self._select_entities(field, label, value)
        else:
            filled["values"] = _selected_values(field, label, value)
        return filled

    def _select_entities(self, field: Json, label: str, value: Any) -> list[str]:
        """Return the ids of the chosen users, roles or channels; without a choice the defaults stay chosen."""
        if value is None:
            chosen = [self._options.find(one["type"], int(one["id"])) for one in field.get("default_values") or ()]
            chosen = [one for one in chosen if one is not None]
        else:
            chosen = list(value) if isinstance(value, list | tuple) else [value]
        check_entities(field, label, chosen)
        _check_count(field, label, len(chosen), high=field.get("max_values") or 1)
        return [self._options.resolve(one) for one in chosen]

    def _upload_files(self, field: Json, label: str, value: Any) -> list[str]:
        uploads = [value] if isinstance(value, Upload) else list(value or ())
        _check_count(field, label, len(uploads), high=min(field.get("max_values") or 1, MODAL_FILES))
        return [self._options.resolve(upload) for upload in uploads]


def check_entities(field: Json, label: str, chosen: Iterable[Any]) -> None:
    """Raise ClientRefused unless a select of users, roles or channels offers these (``channel_types``)."""
    classes, expected = ENTITY_SELECTS[field["type"]]
    types = field.get("channel_types")
    for one in chosen:
        if not isinstance(one, classes) or (isinstance(one, Channel) and types and int(one.type) not in types):
            raise ClientRefused(f"“{label}” needs {expected}.")


def match_choices(field: Json, label: str, names: list[str]) -> list[str]:
    """Return the values of the chosen options, which may be named by value or label."""
    if field["type"] not in {T.STRING_SELECT, T.CHECKBOX_GROUP, T.RADIO_GROUP}:
        return names
    by_name = {one["label"]: one["value"] for one in field["options"]} | {
        one["value"]: one["value"] for one in field["options"]
    }
    unknown = next((name for name in names if name not in by_name), None)
    if unknown is not None:
        raise ClientRefused(f"“{label}” has no choice “{unknown}”.")
    return [by_name[name] for name in names]


def _selected_values(field: Json, label: str, value: Any) -> list[str]:
    defaults = [one["value"] for one in field.get("options") or () if one.get("default")]
    names = [value] if isinstance(value, str) else value
    values = defaults if names is None else match_choices(field, label, list(names))
    high = field.get("max_values") or (1 if field["type"] in SELECTS else len(field["options"]))
    _check_count(field, label, len(values), high=high)
    return values


def _radio_value(field: Json, label: str, value: Any) -> str | None:
    defaults = [one["value"] for one in field["options"] if one.get("default")]
    values = defaults if value is None else match_choices(field, label, [value])
    _check_count(field, label, len(values), high=1)
    return values[0] if values else None


def _check_count(field: Json, label: str, count: int, *, high: int) -> None:
    required = field.get("required", True)
    low = field.get("min_values")
    low = 1 if low is None else low
    if count == 0 and not required:
        return
    if not max(low, 1 if required else 0) <= count <= high:
        raise ClientRefused(f"“{label}” needs {low} to {high} values, not {count}.")


def _text_input_value(field: Json, label: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ClientRefused(f"“{label}” must be a text.")
    if not value and not field.get("required", True):
        return value
    low = field.get("min_length") or (1 if field.get("required", True) else 0)
    high = field.get("max_length") or TEXT_INPUT_CHARS
    if not low <= len(value) <= high:
        raise ClientRefused(f"“{label}” must have {low} to {high} characters, not {len(value)}.")
    return value
