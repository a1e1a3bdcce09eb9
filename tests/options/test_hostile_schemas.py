"""Any schema of a stranger: reading, showing, typing and checking never hold the event loop for long."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import product
from typing import Any

import discord
import pytest

from bot.backends.replicate.types import ModelRef
from bot.catalog.catalog import Command, prepare_command
from bot.catalog.resolve import ResolvedModel
from bot.catalog.schema_diff import diff_schemas
from bot.catalog.search import ModelSummary
from bot.errors import UserError
from bot.options.autocomplete import suggest_values
from bot.options.form import build_form
from bot.options.layout import OptionLayout
from bot.options.options import Option, OptionRole, OptionType
from bot.options.parse import parse_options
from bot.options.schema import SchemaTooComplex
from bot.options.slash_command import build_command
from bot.outputs.output_schema import contains_files, is_concatenated_text
from bot.settings import CommandSpec
from bot.ui.render.model_cards import added_card, info_card, update_card
from tests.cpu_time import cpu_seconds
from tests.options.hostile_schemas import ACCEPTED_SCHEMAS, REFUSED_SCHEMAS

TARGET = ModelRef.parse("mallory/model")
TYPED = ("", "a", "x" * 100, "é" * 100, "a=" * 3000, "voice " * 1000, " ".join(f"i{n}=[1," for n in range(700)))

MakeSchema = Callable[[], dict[str, Any]]
each_accepted_schema = pytest.mark.parametrize("make", ACCEPTED_SCHEMAS.values(), ids=ACCEPTED_SCHEMAS)
each_refused_schema = pytest.mark.parametrize("make", REFUSED_SCHEMAS.values(), ids=REFUSED_SCHEMAS)


def prepare(schema: dict[str, Any]) -> Command:
    resolved = ResolvedModel(target=TARGET, description="A model", schema=schema)
    return prepare_command(CommandSpec(name="model", target=TARGET), resolved)


async def ignore(*_: object) -> None:
    """Be a command that does nothing."""


@each_accepted_schema
def test_reading_a_schema_is_quick(make: MakeSchema) -> None:
    schema = make()
    _, seconds = cpu_seconds(lambda: prepare(schema))
    assert seconds < 0.15


@each_refused_schema
def test_refusing_a_schema_is_quick(make: MakeSchema) -> None:
    schema = make()

    def read() -> None:
        with pytest.raises(SchemaTooComplex):
            prepare(schema)

    _, seconds = cpu_seconds(read)
    assert seconds < 0.1


@each_accepted_schema
def test_showing_a_model_is_quick(make: MakeSchema) -> None:
    command = prepare(make())

    def show() -> discord.ui.LayoutView:
        is_concatenated_text(command.output_schema)
        contains_files(command.output_schema)
        added_card(command, title="Added")
        update_card(command, command, diff_schemas(command, command))
        build_command(name="model", description="d", layout=command.layout, callback=ignore)
        return info_card(command, ModelSummary(model="mallory/model"))

    card, seconds = cpu_seconds(show)
    assert card.content_length() <= 4000
    assert seconds < 0.15


def typed_option(layout: OptionLayout) -> Option:
    """Return an option for ``key=value`` text, whether the command has one or not."""
    return Option(
        name=layout.advanced, field=None, role=OptionRole.ADVANCED, type=OptionType.STRING, text="", autocomplete=True
    )


@each_accepted_schema
def test_typing_is_quick(make: MakeSchema) -> None:
    layout = prepare(make()).layout
    options = [typed_option(layout), *(option for option in layout.options if option.autocomplete)][:3]
    for option, typed in product(options, TYPED):
        suggestions, seconds = cpu_seconds(partial(suggest_values, layout, option, typed), times=2)
        assert len(suggestions) <= 25
        assert seconds < 0.1, typed[:20]


@each_accepted_schema
def test_checking_values_is_quick(make: MakeSchema) -> None:
    layout = prepare(make()).layout
    names = [option.name for option in layout.options if option.type is OptionType.STRING]

    def parse(values: dict[str, str]) -> None:
        with suppress(UserError):
            parse_options(layout, values)
        build_form(layout, values)

    for given, typed in product((names, names[:1], [layout.advanced]), TYPED[1:]):
        _, seconds = cpu_seconds(partial(parse, dict.fromkeys(given, typed)), times=2)
        assert seconds < 0.15, typed[:20]
