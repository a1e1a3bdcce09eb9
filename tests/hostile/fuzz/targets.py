"""What is tried with hostile input: the functions that the bot calls with others' bytes, as it calls them.

``on_loop`` is what the event loop does in one turn; it may take 0.1 s of CPU. ``in_worker`` runs in the worker pool,
which would end it after ``worker_seconds``.
"""

import json
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from PIL import Image

from bot.backends.errors import InvalidResponse, WebhookRejected
from bot.backends.prediction import Prediction
from bot.backends.replicate.api import decode_object
from bot.backends.replicate.predictions import parse_prediction
from bot.backends.replicate.types import ModelRef
from bot.backends.replicate.webhooks import WebhookVerifier
from bot.catalog.catalog import prepare_command
from bot.catalog.resolve import ResolvedModel
from bot.catalog.search import ModelSummary
from bot.clock import SystemClock
from bot.errors import UserError
from bot.large_json import InvalidJson, read_object
from bot.limits import INLINE_JSON_BYTES, MODEL_BYTES, READ_SECONDS, WEBHOOK_PARSED_BYTES
from bot.media.types import HEAD_BYTES, sniff
from bot.observability.logs import Redactor
from bot.options.files import read_attachment
from bot.options.schema import SchemaTooComplex
from bot.outputs.items import TextItem
from bot.outputs.parse import RawText, parse_output, stream_kind
from bot.runs.outcome import outcome_of_prediction
from bot.runs.progress import LogReader
from bot.runs.snapshot import Phase
from bot.settings import CommandSpec
from bot.ui.render.model_cards import info_card
from bot.ui.render.run_card import render_run
from tests.hostile.fuzz.recipes import Recipe, changes, expand_file, expand_json, expand_text, texts, values
from tests.ui.factories import make_snapshot

LOOP_SECONDS: Final = 0.15  # the rule is 0.1; the rest is for cold caches of a busy machine


def nothing() -> None:
    """Do nothing: there is no work for that side."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work that one input makes."""

    on_loop: Callable[[], object]
    in_worker: Callable[[], object] = nothing


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of hostile input."""

    recipes: st.SearchStrategy[Recipe]
    prepare: Callable[[Recipe], Work]
    worker_seconds: float = 5.0


_KEYWORDS: Final = (
    "type", "properties", "required", "items", "enum", "allOf", "anyOf", "oneOf", "not", "$ref", "format", "default",
    "const", "minimum", "maximum", "minLength", "maxLength", "maxItems", "uniqueItems", "pattern", "multipleOf",
    "additionalProperties", "nullable", "title", "description", "x-order", "deprecated", "x-cog-accept", "prompt",
    "seed", "num_outputs", "image",
)  # fmt: skip
_SCHEMA_SCALARS: Final = (
    "string", "integer", "number", "boolean", "object", "array", "null", "uri", "password", "image/*", ".png",
    "#/components/schemas/Input", "#/components/schemas/Output", "#/components/schemas/Input/properties/it",
    "(a+)+$", "(a{0,30}){0,30}", "An enumeration.", "[" * 50, "[a](b" * 50, "`*_" * 50, "aA" * 100, "é\ud800", "\0",
    True, False, None, 0, -1, 2**70, 10**300, 1e308, 5e-324,
)  # fmt: skip
_TARGET: Final = ModelRef.parse("mallory/model")


def _prepare_schema(recipe: Recipe) -> Work:
    schema = expand_json(recipe)
    members = schema if isinstance(schema, dict) else {}
    inputs = {**members, "properties": {"it": schema, **members}}
    document = {"components": {"schemas": {"Input": inputs, "Output": schema}}}

    def show() -> None:
        with suppress(SchemaTooComplex):
            resolved = ResolvedModel(target=_TARGET, description="", schema=document)
            command = prepare_command(CommandSpec(name="model", target=_TARGET), resolved)
            info_card(command, ModelSummary(model=_TARGET.model))

    try:
        size = len(json.dumps(document))
    except RecursionError:
        return Work(show)
    return Work(show if size <= MODEL_BYTES else nothing)


_OUTPUT_SCHEMAS: Final[Mapping[str, Any]] = {
    "any": {},
    "text": {"type": "string"},
    "words": {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator"},
    "files": {"type": "array", "items": {"type": "string", "format": "uri"}},
    "object": {"type": "object", "properties": {"a": {"type": "string", "format": "uri"}, "b": {"type": "array"}}},
}
_OUTPUT_SCALARS: Final = (
    "https://replicate.delivery/a.png", "data:text/plain;base64,QQ==", "data:;;;;", "http://[::1", "http://a:b", "",
    "word ", "```", "\n\n", "# a", "|a|b|", "[a](", "<@1>", "\u202e", "\ud800", "é" * 40, "x" * 3000,
    True, None, 0, -1.5, 1e300, 10**300,
)  # fmt: skip
_PREDICTION: Final = {"id": "a" * 26, "status": "succeeded", "created_at": "2026-01-01T00:00:00Z"}


def _read_prediction(body: bytes) -> Prediction | None:
    with suppress(InvalidResponse, InvalidJson):
        return parse_prediction(read_object(body, ("output", "input")))
    return None


def _show_output(prediction: Prediction | None, schema: Mapping[str, Any]) -> None:
    if prediction is None:
        return
    stream_kind(schema)
    outputs = parse_output(prediction.output, schema)
    items = [TextItem(raw.text) for raw in outputs if isinstance(raw, RawText)]
    outcome_of_prediction(
        prediction, has_output=True, cancel_requested=False, stream_error=None, deadline=timedelta(hours=1)
    )
    render_run(make_snapshot(Phase.SUCCEEDED, *items))


def _prepare_output(recipe: Recipe) -> Work:
    schema = _OUTPUT_SCHEMAS[recipe["schema"]]
    try:
        body = json.dumps({**_PREDICTION, "output": expand_json(recipe["output"])}).encode()
    except RecursionError:
        return Work(nothing)
    if len(body) <= INLINE_JSON_BYTES:
        return Work(lambda: _show_output(_read_prediction(body), schema))
    prediction = _read_prediction(body)
    return Work(lambda: _show_output(prediction, schema), lambda: _read_prediction(body))


_FRAGMENTS: Final = (
    "a", " ", "\n", "\r", "\t", "é", "👩\u200d👧", "\u0301", "\u202e", "\0", "\x1b[31m", "```", "`", "*", "_", "# ",
    "> ", "- ", "1. ", "[", "](", ")", "<", ">", "|", "\n\n", "```py\n", "https://x.example/", "data:", "//", "/a", "=",
    "token=", "Bearer ", "r8_", "key: ", '"api_key": "', "1/2", " 50%|", "| 1/2 [00:01<00:01, 1.0it/s]", "9", "Error: ",
    "ValueError: ", "Traceback (most recent call last)", "CUDA out of memory", "NSFW", "async prediction failed:", "a.",
    "{", "}",
)  # fmt: skip


def _prepare_text(recipe: Recipe) -> Work:
    text = expand_text(recipe)

    def show() -> None:
        render_run(make_snapshot(Phase.RUNNING, TextItem(text)))

    return Work(show)


def _prepare_log(recipe: Recipe) -> Work:
    text = expand_text(recipe)
    redact = Redactor(["secret-of-ours"])
    failed = {**_PREDICTION, "status": "failed", "error": text, "logs": text}

    def read() -> None:
        LogReader().read(text)
        prediction = parse_prediction(failed)
        outcome = outcome_of_prediction(
            prediction, has_output=False, cancel_requested=False, stream_error=text, deadline=timedelta(hours=1)
        )
        assert outcome.reason is not None
        redact(text[:5000])

    return Work(read)


@cache
def _picture(name: str) -> bytes:
    """Return a small picture; the name is a format of Pillow's, with "animated" for two frames."""
    format_, _, animated = name.partition(" ")
    frames = [Image.new("RGB", (32, 24), (number * 90, 40, 200)) for number in range(2 if animated else 1)]
    settings: dict[str, Any] = {"save_all": True, "append_images": frames[1:]} if animated else {}
    data = BytesIO()
    frames[0].save(data, format_, **settings)
    return data.getvalue()


_PICTURES: Final = (
    "PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "ICO", "AVIF", "GIF animated", "WEBP animated", "PNG animated",
)  # fmt: skip


def _prepare_picture(recipe: Recipe) -> Work:
    data = expand_file(recipe, _picture)

    def read() -> None:
        with tempfile.NamedTemporaryFile() as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is damaged; nobody reads it
            Path(file.name).write_bytes(data)
            with suppress(UserError):
                read_attachment("image", "picture.png", Path(file.name), ("image/*",))

    return Work(lambda: sniff(data[:HEAD_BYTES]), read)


_VERIFIER: Final = WebhookVerifier("whsec_" + "QQ" * 16, SystemClock())
_BODY_FRAGMENTS: Final = (
    '{"id": "a", ', '"status": ', '"created_at": "2026-01-01T00:00:00Z"', "[", "{", "}", "]", '"', ",", ":", "9", "1e9",
    "\\ud800", " ",
)  # fmt: skip
_HEADER_FRAGMENTS: Final = ("v1,", "A" * 43 + "=", " ", ",", "1", "9" * 11, "msg_", "é", "\0", "-", "+", "=")
_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


def _prepare_webhook(recipe: Recipe) -> Work:
    body = expand_text(recipe["body"]).encode("utf-8", "surrogatepass")[:WEBHOOK_PARSED_BYTES]
    headers = {name: expand_text(part)[:8000] for name, part in recipe["headers"].items()}

    def read() -> None:
        with suppress(WebhookRejected):
            _VERIFIER.begin(headers)
        with suppress(InvalidResponse):
            parse_prediction(decode_object(body))

    return Work(read)


TARGETS: Final[Mapping[str, Target]] = {
    "schemas": Target(values(_KEYWORDS, _SCHEMA_SCALARS), _prepare_schema),
    "outputs": Target(
        st.fixed_dictionaries(
            {"schema": st.sampled_from(sorted(_OUTPUT_SCHEMAS)), "output": values(("a", "b", "url"), _OUTPUT_SCALARS)}
        ),
        _prepare_output,
    ),
    "texts": Target(texts(_FRAGMENTS), _prepare_text),
    "logs": Target(texts(_FRAGMENTS), _prepare_log),
    "pictures": Target(changes(_PICTURES), _prepare_picture, worker_seconds=READ_SECONDS),
    "webhooks": Target(
        st.fixed_dictionaries(
            {
                "body": texts(_BODY_FRAGMENTS),
                "headers": st.fixed_dictionaries({name: texts(_HEADER_FRAGMENTS) for name in _HEADERS}),
            }
        ),
        _prepare_webhook,
    ),
}
