"""Schemas nobody wrote: the command is one that Discord takes, and every input can be set."""

from typing import Any

import jsonschema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.options.describe import describe_inputs, input_violations
from bot.options.fields import read_fields, read_output_schema
from bot.options.form import build_form, edit_text, restore_values
from bot.options.layout import OptionLayout, build_layout
from bot.options.parse import parse_options
from tests.options.discord_rules import broken_rules, spec_problems
from tests.options.discord_side import SOME_FILE, give
from tests.options.json_schema import for_jsonschema
from tests.options.samples import HIDDEN, each_model, needs_discord_spec, openapi, real_plan
from tests.options.schemas import FILE, Made, documents
from tests.options.test_slash_command import payload_of

# Explaining a failure traces every line and takes minutes with documents of this size.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink)
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
many = settings(max_examples=100, deadline=None, phases=PHASES, suppress_health_check=SLOW)
ADDRESS = "https://example.com/file"
few = settings(many, max_examples=25)


def plan_for(made: Made, **extra: Any) -> OptionLayout:
    return build_layout(read_fields(made.openapi), model="acme/model", **extra)


def received(plan: OptionLayout, options: dict[str, Any]) -> dict[str, Any]:
    """The input as Replicate gets it, with every file as the word FILE."""
    collected = parse_options(plan, options)
    marks = {f"file:{number}" for number in range(len(collected.files))}
    assert all(media is SOME_FILE for media in collected.files)

    def unmark(value: Any) -> Any:
        if isinstance(value, list):
            return [unmark(part) for part in value]
        return FILE if isinstance(value, str) and value in marks else value

    return {name: unmark(value) for name, value in collected.input.items()}


@many
@given(documents())
def test_any_schema_becomes_a_command_that_discord_takes(made: Made) -> None:
    assert broken_rules(payload_of(plan_for(made))) == []


@needs_discord_spec
@few
@given(documents())
def test_any_schema_becomes_a_command_valid_by_discords_document(made: Made) -> None:
    assert spec_problems(payload_of(plan_for(made))) == []


@many
@given(documents())
def test_every_input_of_any_schema_can_be_set(made: Made) -> None:
    plan = plan_for(made)
    wanted = _wanted(plan, made)
    got = received(plan, give(plan, wanted))
    assert got == wanted
    validator = jsonschema.Draft202012Validator(for_jsonschema(made.openapi))
    problems = [error.message for error in validator.iter_errors(got) if "is a required property" not in error.message]
    assert problems == []
    assert input_violations(plan.fields, got) == ()


def _wanted(plan: OptionLayout, made: Made) -> dict[str, Any]:
    """A value for every input; a file that no option is left for is given by its address."""
    return {name: _without_slots(plan, name, value) for name, value in made.values.items()}


def _without_slots(plan: OptionLayout, name: str, value: Any) -> Any:
    parts = value if isinstance(value, list) else [value]
    slots = sum(option.field == name and option.type == "attachment" for option in plan.options)
    if slots >= sum(part == FILE for part in parts):
        return value
    addresses = [ADDRESS if part == FILE else part for part in parts]
    return addresses if isinstance(value, list) else addresses[0]


@many
@given(documents(max_inputs=30))
def test_what_was_given_can_be_edited_and_comes_back_the_same(made: Made) -> None:
    plan = plan_for(made)
    first = parse_options(plan, give(plan, _wanted(plan, made)))
    before = restore_values(plan, first.input, first.files)
    asked = build_form(plan, before)
    assert len(asked.fields) <= 5
    for part in asked.fields:
        assert 1 <= len(part.label) <= 45
        assert 1 <= len(part.description) <= 100
        assert len(part.value) <= 4000
        assert len(part.choices) <= 25
    answers = {part.key: part.value for part in asked.fields if part.kind != "files"}
    assert parse_options(plan, asked.values(answers)).input == first.input


@few
@given(documents())
def test_any_schema_can_be_described(made: Made) -> None:
    plan = plan_for(made)
    assert len(describe_inputs(plan)) == len(plan.fields)
    assert isinstance(edit_text(plan, {}), str)


_KEYWORDS = """
    type properties required items enum allOf anyOf oneOf $ref format default minimum maximum minLength maxItems x-order
    const description title nullable
"""
_JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_KEYWORDS.split()), inner, max_size=6)
    ),
    max_leaves=25,
)


@many
@given(st.dictionaries(st.text(max_size=5), _JUNK, max_size=5), _JUNK)
def test_no_junk_keeps_a_command_from_being_made(properties: dict[str, Any], junk: Any) -> None:
    document = {"components": {"schemas": {"Input": {"properties": properties, "required": junk, "allOf": junk}}}}
    fields = read_fields(document)
    assert broken_rules(payload_of(build_layout(fields, model="acme/model"))) == []
    assert read_fields({"components": {"schemas": {"Input": junk}}}) is not None
    assert isinstance(read_output_schema({"components": {"schemas": {"Output": junk}}}), dict)


@each_model
def test_every_input_of_a_real_model_can_be_set(path: Any) -> None:
    plan = real_plan(path)
    wanted = {field.name: _example_of(field) for field in plan.fields}
    got = received(plan, give(plan, wanted))
    assert got == wanted
    assert set(got) == set(openapi(path)["components"]["schemas"]["Input"]["properties"]) - set(HIDDEN)
    jsonschema.validate(got, for_jsonschema(openapi(path)))


def _example_of(field: Any) -> Any:
    """Something a person may want that is not the default."""
    if field.holds_files:
        return FILE
    if field.choices:
        return field.choices[-1]
    by_kind = {"text": 'two words, "quoted"', "yes or no": not field.default}
    return by_kind.get(field.kind, field.maximum if field.maximum is not None else 7)
