"""Validation of application commands at registration (interactions/application-commands)."""

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bot.limits import (
    CHOICE_CHARS,
    CHOICES_PER_OPTION,
    COMMAND_CHARS,
    COMMAND_NAME_CHARS,
    DESCRIPTION_CHARS,
    INTEGER_BOUND,
    OPTIONS_PER_COMMAND,
    STRING_OPTION_CHARS,
)
from sandbox.discord.errors import FormErrors, PathPart

Json = dict[str, Any]
Path = tuple[PathPart, ...]

CHAT_INPUT, USER, MESSAGE = 1, 2, 3
SUB_COMMAND, SUB_COMMAND_GROUP, STRING, INTEGER, NUMBER = 1, 2, 3, 4, 10
VALUE_OPTION_TYPES = frozenset(range(3, 12))
CHOICE_OPTION_TYPES = frozenset({STRING, INTEGER, NUMBER})
LOCALIZED_KEYS = ("name", "description")
# reference.mdx#locales, and those that only AvailableLocalesEnum of the OpenAPI document has.
LOCALES: Final = frozenset({
    "ar", "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "he", "hi", "hr", "hu", "id",
    "it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE", "th", "tr", "uk", "vi", "zh-CN", "zh-TW",
})  # fmt: skip
PRIVATE_CHANNEL, USER_INSTALL = 2, 1


def validate_command(payload: Any, errors: FormErrors, path: Path, *, in_guild: bool) -> Json:
    """Add the errors of a command and return it with Discord's defaults filled in."""
    if not isinstance(payload, dict):
        errors.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *path)
        return {}
    kind = payload.get("type") or CHAT_INPUT
    errors.check_one_of(kind, (CHAT_INPUT, USER, MESSAGE), *path, "type")
    if kind == CHAT_INPUT:
        _validate_texts(payload, errors, path)
        _validate_options(payload.get("options"), errors, path, VALUE_OPTION_TYPES | {SUB_COMMAND, SUB_COMMAND_GROUP})
        if not errors and _count_characters(payload) > COMMAND_CHARS:
            message = f"Command exceeds maximum size ({COMMAND_CHARS})"
            errors.add("APPLICATION_COMMAND_TOO_LARGE", message, *path)
    else:
        _validate_menu_command(payload, errors, path)
    _validate_contexts(payload, errors, path, in_guild=in_guild)
    return _fill_defaults(payload, kind, in_guild=in_guild)


def _validate_menu_command(payload: Json, errors: FormErrors, path: Path) -> None:
    _validate_text(payload, "name", path, errors, partial(_check_length, errors, COMMAND_NAME_CHARS))
    if payload.get("description"):
        message = "Context menu commands cannot have description"
        errors.add("APPLICATION_COMMANDS_CONTEXT_MENU_DESCRIPTION", message, *path, "description")
    if payload.get("options"):
        message = "Context menu commands cannot have options"
        errors.add("APPLICATION_COMMANDS_CONTEXT_MENU_OPTIONS", message, *path, "options")


def _validate_texts(item: Json, errors: FormErrors, path: Path) -> None:
    """Add the errors of the name and the description of a command or an option, in every language."""
    _validate_text(item, "name", path, errors, lambda name, place: _validate_name(name, errors, place))
    _validate_text(item, "description", path, errors, partial(_check_length, errors, DESCRIPTION_CHARS))


def _validate_text(item: Json, key: str, path: Path, errors: FormErrors, check: Callable[[Any, Path], None]) -> None:
    """Add the errors of a text, and of what it is in other languages (application-commands#localization)."""
    check(item.get(key), (*path, key))
    localized, place = item.get(f"{key}_localizations"), (*path, f"{key}_localizations")
    if localized is None:
        return
    if not isinstance(localized, dict):
        errors.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *place)
        return
    for locale, text in localized.items():
        if errors.check_one_of(locale, LOCALES, *place):
            check(text, (*place, locale))


def _check_length(errors: FormErrors, most: int, text: Any, path: Path) -> None:
    errors.check_text(text, 1, most, *path)


def _validate_name(name: Any, errors: FormErrors, path: Path) -> None:
    if not errors.check_text(name, 1, COMMAND_NAME_CHARS, *path):
        return
    if name != name.lower() or not all(_is_name_character(character) for character in name):
        message = "Command name is invalid"
        errors.add("APPLICATION_COMMAND_INVALID_NAME", message, *path)


def _is_name_character(character: str) -> bool:
    in_script = "\u0900" <= character <= "\u097f" or "\u0e00" <= character <= "\u0e7f"  # Devanagari, Thai
    return character in "-_'" or unicodedata.category(character)[0] in "LN" or in_script


def _validate_options(options: Any, errors: FormErrors, path: Path, allowed: frozenset[int]) -> None:
    found = errors.check_objects(options, 0, OPTIONS_PER_COMMAND, *path, "options")
    names: set[str] = set()
    optional_seen = False
    for number, option in enumerate(found):
        option_path = (*path, "options", number)
        _validate_option(option, errors, option_path, allowed)
        if str(option.get("name")) in names:
            message = "Option name already exists"
            errors.add("APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", message, *option_path, "name")
        names.add(str(option.get("name")))
        if option.get("required") and optional_seen:
            message = "Required options must be placed before non-required options"
            errors.add("APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message, *option_path, "required")
        optional_seen = optional_seen or not option.get("required")
    if {option.get("type") in {SUB_COMMAND, SUB_COMMAND_GROUP} for option in found} == {True, False}:
        message = "Sub-command and sub-command group option types are mutually exclusive to all other types"
        errors.add("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message, *path, "options")


def _validate_option(option: Json, errors: FormErrors, path: Path, allowed: frozenset[int]) -> None:
    _validate_texts(option, errors, path)
    if not errors.check_one_of(option.get("type"), allowed, *path, "type"):
        return
    kind = option["type"]
    if kind in {SUB_COMMAND, SUB_COMMAND_GROUP}:
        allowed = VALUE_OPTION_TYPES if kind == SUB_COMMAND else frozenset({SUB_COMMAND})
        _validate_options(option.get("options"), errors, path, allowed)
        return
    if kind == STRING:
        _validate_lengths(option, errors, path)
    elif kind in {INTEGER, NUMBER}:
        _validate_range(option, errors, path)
    _validate_option_choices(option, errors, path)


def _validate_lengths(option: Json, errors: FormErrors, path: Path) -> None:
    low, high = option.get("min_length"), option.get("max_length")
    if low is not None:
        errors.check_integer(low, 0, STRING_OPTION_CHARS, *path, "min_length")
    if high is not None:
        errors.check_integer(high, 1, STRING_OPTION_CHARS, *path, "max_length")
    if low is not None and high is not None and low > high:
        errors.add("APPLICATION_COMMAND_OPTIONS_MIN_MAX", "min_length must not exceed max_length", *path)


def _validate_range(option: Json, errors: FormErrors, path: Path) -> None:
    low, high = option.get("min_value"), option.get("max_value")
    for key, value in (("min_value", low), ("max_value", high)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            errors.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not a number.', *path, key)
        elif option["type"] == INTEGER:
            errors.check_integer(value, -INTEGER_BOUND, INTEGER_BOUND, *path, key)
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        errors.add("APPLICATION_COMMAND_OPTIONS_MIN_MAX", "min_value must not exceed max_value", *path)


def _validate_option_choices(option: Json, errors: FormErrors, path: Path) -> None:
    choices = errors.check_objects(option.get("choices"), 0, CHOICES_PER_OPTION, *path, "choices")
    if (choices or option.get("autocomplete")) and option["type"] not in CHOICE_OPTION_TYPES:
        message = "Choices and autocomplete are for string, integer and number options"
        errors.add("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message, *path)
        return
    if choices and option.get("autocomplete"):
        message = "Option cannot have both choices and autocomplete"
        errors.add("APPLICATION_COMMAND_AUTOCOMPLETE_CHOICES", message, *path)
    validate_choices(choices, option["type"], errors, (*path, "choices"))


def validate_choices(choices: list[Any], kind: int, errors: FormErrors, path: Path) -> None:
    """Add the errors of an option's choices; autocomplete results have the same rules."""
    names: set[str] = set()
    for number, choice in enumerate(choices):
        _validate_text(choice, "name", (*path, number), errors, partial(_check_length, errors, CHOICE_CHARS))
        value = choice.get("value")
        if kind == STRING:
            errors.check_text(value, 1, CHOICE_CHARS, *path, number, "value")
        elif isinstance(value, bool) or not isinstance(value, int if kind == INTEGER else int | float):
            errors.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not a number.', *path, number, "value")
        if str(choice.get("name")) in names:
            message = "Choice name already exists"
            errors.add("APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS", message, *path, number, "name")
        names.add(str(choice.get("name")))


def _validate_contexts(payload: Json, errors: FormErrors, path: Path, *, in_guild: bool) -> None:
    chosen: dict[str, list[Any]] = {"contexts": [], "integration_types": [0]}
    for key, high in (("contexts", 3), ("integration_types", 2)):
        if payload.get(key) is None:
            continue
        chosen[key] = errors.check_list(payload[key], 1, high, *path, key)
        for number, value in enumerate(chosen[key]):
            errors.check_one_of(value, range(high), *path, key, number)
        if in_guild:
            message = f"Guild commands cannot have {key}"
            errors.add("APPLICATION_COMMAND_GUILD_PLACES_INVALID", message, *path, key)
    if PRIVATE_CHANNEL in chosen["contexts"] and USER_INSTALL not in chosen["integration_types"]:
        message = "The PRIVATE_CHANNEL context needs the USER_INSTALL integration type"
        errors.add("APPLICATION_COMMAND_CONTEXTS_INVALID", message, *path, "contexts")


def _count_characters(item: Json) -> int:
    total = len(str(item.get("value", "")))
    for key in LOCALIZED_KEYS:
        texts = [item.get(key) or "", *(item.get(f"{key}_localizations") or {}).values()]
        total += max(len(str(text)) for text in texts)
    return total + sum(_count_characters(child) for key in ("choices", "options") for child in item.get(key) or ())


def _fill_defaults(payload: Json, kind: int, *, in_guild: bool) -> Json:
    command: Json = {
        "type": kind,
        "name": payload.get("name"),
        "name_localizations": payload.get("name_localizations"),
        "description": payload.get("description") or "",
        "description_localizations": payload.get("description_localizations"),
        "default_member_permissions": payload.get("default_member_permissions"),
        "dm_permission": payload.get("dm_permission", True) is not False,
        "nsfw": bool(payload.get("nsfw")),
    }
    if not in_guild:
        command["contexts"] = payload.get("contexts")
        command["integration_types"] = payload.get("integration_types") or [0]
    if payload.get("options"):
        command["options"] = payload["options"]
    return command
