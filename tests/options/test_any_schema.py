"""For any schema, Discord accepts the command and every input can be set."""

from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.options.fields import Field, FieldKind, read_fields
from bot.options.form import build_form, restore_values
from bot.options.layout import OptionLayout, build_layout
from bot.options.parse import parse_options
from bot.options.schema import read_output_schema
from bot.options.text import describe_inputs
from bot.options.validation import find_violation
from tests.options.discord_client import IMAGE_FILE, command_payload, option_values
from tests.options.discord_rules import broken_rules, spec_problems
from tests.options.samples import HIDDEN, each_model, for_jsonschema, media_of, needs_discord_spec, openapi, real_layout
from tests.options.strategies import FILE, Document, documents

# Without Phase.explain, which traces every line and takes minutes for documents of this size.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink)
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
many = settings(max_examples=100, deadline=None, phases=PHASES, suppress_health_check=SLOW)
ADDRESS = "https://example.com/file"
few = settings(many, max_examples=25)


def layout_for(document: Document, **settings: Any) -> OptionLayout:
    return build_layout(read_fields(document.openapi), model="acme/model", **settings)


def received(layout: OptionLayout, options: dict[str, Any]) -> dict[str, Any]:
    """Return the input as Replicate receives it, with every file as the word FILE."""
    parsed = parse_options(layout, options)
    references = {f"file:{number}" for number in range(len(parsed.files))}
    assert all(media is IMAGE_FILE for media in parsed.files)

    def restore(value: Any) -> Any:
        if isinstance(value, list):
            return [restore(part) for part in value]
        return FILE if isinstance(value, str) and value in references else value

    return {name: restore(value) for name, value in parsed.input.items()}


@many
@given(documents())
def test_any_schema_becomes_a_valid_command(document: Document) -> None:
    assert broken_rules(command_payload(layout_for(document))) == []


@needs_discord_spec
@few
@given(documents())
def test_any_command_is_valid_by_discords_openapi(document: Document) -> None:
    assert spec_problems(command_payload(layout_for(document))) == []


@many
@given(documents())
def test_every_input_of_any_schema_can_be_set(document: Document) -> None:
    layout = layout_for(document)
    wanted = _wanted(layout, document)
    got = received(layout, option_values(layout, wanted))
    assert got == wanted
    validator = jsonschema.Draft202012Validator(for_jsonschema(document.openapi))
    problems = [error.message for error in validator.iter_errors(got) if "is a required property" not in error.message]
    assert problems == []
    assert [find_violation(field.validator, got[field.name]) for field in layout.fields if field.name in got] == [
        None
    ] * len(got)


def _wanted(layout: OptionLayout, document: Document) -> dict[str, Any]:
    """Return a value for every input; a file without an attachment option is replaced by an address."""
    return {name: _fit_attachments(layout, name, value) for name, value in document.values.items()}


def _fit_attachments(layout: OptionLayout, name: str, value: Any) -> Any:
    parts = value if isinstance(value, list) else [value]
    attachments = sum(option.field == name and option.type == "attachment" for option in layout.options)
    if attachments >= sum(part == FILE for part in parts):
        return value
    addresses = [ADDRESS if part == FILE else part for part in parts]
    return addresses if isinstance(value, list) else addresses[0]


@many
@given(documents(max_inputs=30))
def test_edited_form_gives_the_same_input(document: Document) -> None:
    layout = layout_for(document)
    first = parse_options(layout, option_values(layout, _wanted(layout, document)))
    previous = restore_values(layout, first.input, media_of(first))
    form = build_form(layout, previous)
    assert len(form.fields) <= 5
    for part in form.fields:
        assert 1 <= len(part.label) <= 45
        assert 1 <= len(part.description) <= 100
        assert len(part.value) <= 4000
        assert len(part.choices) <= 25
    answers = {part.key: part.value for part in form.fields if part.kind != "files"}
    assert parse_options(layout, form.parse_answers(answers)).input == first.input


@few
@given(documents())
def test_any_schema_can_be_described(document: Document) -> None:
    layout = layout_for(document)
    assert len(describe_inputs(layout)) == len(layout.fields)


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
def test_malformed_schema_becomes_a_valid_command(properties: dict[str, Any], junk: Any) -> None:
    document = {"components": {"schemas": {"Input": {"properties": properties, "required": junk, "allOf": junk}}}}
    fields = read_fields(document)
    assert broken_rules(command_payload(build_layout(fields, model="acme/model"))) == []
    assert read_fields({"components": {"schemas": {"Input": junk}}}) is not None
    assert isinstance(read_output_schema({"components": {"schemas": {"Output": junk}}}), dict)


@each_model
def test_every_input_of_a_real_model_can_be_set(path: Path) -> None:
    layout = real_layout(path)
    wanted = {field.name: _example_value(field) for field in layout.fields}
    got = received(layout, option_values(layout, wanted))
    assert got == wanted
    assert set(got) == set(openapi(path)["components"]["schemas"]["Input"]["properties"]) - set(HIDDEN)
    jsonschema.validate(got, for_jsonschema(openapi(path)))


def _example_value(field: Field) -> Any:
    """Return a value that is not the default."""
    if field.accepts_files:
        return FILE
    if field.choices:
        return field.choices[-1]
    if field.kind is FieldKind.STRING:
        return 'two words, "quoted"'
    if field.kind is FieldKind.BOOLEAN:
        return not field.default
    return field.maximum if field.maximum is not None else 7
