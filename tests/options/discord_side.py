"""A person with a Discord client: gives values to a command's options as Discord would send them."""

import json
from collections.abc import Mapping
from typing import Any

from bot.media.types import Media, MediaKind, MediaType
from bot.options.fields import Field, FieldKind
from bot.options.layout import OptionLayout
from bot.options.options import Option, OptionRole, OptionType
from bot.options.parse import quote_value
from tests.options.schemas import FILE

SOME_FILE = Media(name="me.png", type=MediaType("image/png", ".png", MediaKind.IMAGE), data=b"picture")


def give(plan: OptionLayout, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The options with which these inputs are given; AssertionError when one cannot be."""
    given: dict[str, Any] = {}
    lines: list[str] = []
    for field in plan.fields:
        if field.name not in wanted:
            continue
        mine = [option for option in plan.options if option.field == field.name]
        if field.holds_files:
            found, rest = _files(mine, wanted[field.name])
        else:
            found = {mine[0].name: sent(field, mine[0], wanted[field.name])} if mine else {}
            rest = "" if mine else as_text(field, wanted[field.name])
        given |= found
        if rest or not found:
            lines.append(f"{plan.names[field.name]}={quote_value(rest)}")
    if lines:
        assert plan.option(plan.advanced) is not None, "no option and no advanced"
        given[plan.advanced] = " ".join(lines)
    return given


def _files(mine: list[Option], value: Any) -> tuple[dict[str, Any], str]:
    """Attachments and addresses in their options, and the addresses that are left for ``advanced``."""
    parts = value if isinstance(value, list) else [value]
    slots = [option.name for option in mine if option.role is OptionRole.FILE]
    urls = " ".join(part for part in parts if part != FILE)
    address = next((option.name for option in mine if option.role is OptionRole.URL), None)
    given: dict[str, Any] = dict(zip(slots, [SOME_FILE] * parts.count(FILE), strict=False))
    if urls and address:
        return {**given, address: urls}, ""
    return given, urls


def sent(field: Field, option: Option, value: Any) -> Any:
    """What Discord sends when a person means this value."""
    if option.choices and not field.listed:
        choice = next(each for each in option.choices if type(each.real) is type(value) and each.real == value)
        return choice.sent
    if option.type is OptionType.STRING:
        return as_text(field, value)
    return float(value) if option.type is OptionType.NUMBER else value


def as_text(field: Field, value: Any) -> str:
    """What a person types for this value."""
    if field.kind is FieldKind.JSON or (isinstance(value, list) and not field.holds_files):
        return json.dumps(value)
    if isinstance(value, list):
        return " ".join(value)
    return repr(value) if isinstance(value, float) else str(value)
