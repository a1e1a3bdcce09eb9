"""Inventing: an output that fits any schema."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from sandbox.replicate.artefacts import artefact
from sandbox.replicate.job import Job
from sandbox.replicate.shapes import Schema, file_kind
from sandbox.replicate.texts import sentence
from sandbox.replicate.validation import resolve

_COUNTS = ("number_of_outputs", "num_outputs", "num_images", "n")
_COUNT = 3
_EMBEDDING = 16
_DEPTH = 6  # schemas may refer to themselves

_SCALARS: Mapping[str, Callable[[Job, str], Any]] = {
    "boolean": lambda job, name: bool(job.number(name, 2)),
    "integer": lambda job, name: job.number(name, 100),
    "number": lambda job, name: round(job.number(name, 20_000) / 10_000 - 1, 4),
    "null": lambda _job, _name: None,
}


async def invent(job: Job) -> Any:
    """Return an output that fits the job's output schema."""
    return await _value(job, job.output_schema, "output")


def invent_items(job: Job) -> Iterator[Awaitable[Any]]:
    """Yield the outputs of an iterator, each still to be awaited."""
    items = resolve(job.output_schema, job.schemas).get("items", {})
    for index in range(_wanted(job)):
        yield _value(job, items, f"output {index + 1}")


async def _value(job: Job, schema: Schema, name: str, depth: int = 0) -> Any:
    schema = _chosen(resolve(schema, job.schemas), job.schemas)
    if "enum" in schema:
        return schema["enum"][job.number(name, len(schema["enum"]))]
    if depth > _DEPTH:
        return None
    kind = str(schema.get("type"))
    if kind in _SCALARS:
        return _SCALARS[kind](job, name)
    if kind == "string":
        return await _string(job, schema, name)
    if kind in ("array", "object"):
        return await (_array if kind == "array" else _object)(job, schema, name, depth)
    return {"answer": 42, "note": sentence(_words(job)), "parts": [1, 2.5, None, True]}


async def _string(job: Job, schema: Schema, name: str) -> str:
    if schema.get("format") != "uri":
        return sentence(f"{_words(job)} {name}")
    kind = file_kind(name, str(schema.get("title", "")), job.subject_matter)
    data, suffix = await artefact(kind, prompt=_words(job), seed=f"{job.id}:{name}")
    return job.save(data, f"{name.replace(' ', '_')}.{suffix}")


async def _array(job: Job, schema: Schema, name: str, depth: int) -> list[Any]:
    items = _chosen(resolve(schema.get("items", {}), job.schemas), job.schemas)
    numbers = items.get("type") in ("number", "integer")
    count = _EMBEDDING if numbers else _wanted(job) if depth == 0 else 2
    return [await _value(job, items, f"{name} {index + 1}", depth + 1) for index in range(count)]


async def _object(job: Job, schema: Schema, name: str, depth: int) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    if not properties:
        return {"name": name, "note": sentence(_words(job))}
    return {key: await _value(job, value, key, depth + 1) for key, value in properties.items()}


def _chosen(schema: Schema, schemas: Schema) -> Schema:
    """Return the first variant of a union that is something."""
    variants = [resolve(variant, schemas) for variant in schema.get("anyOf", [])]
    return next((variant for variant in variants if variant.get("type") != "null"), schema)


def _wanted(job: Job) -> int:
    return next((value for name in _COUNTS if isinstance(value := job.input.get(name), int)), _COUNT)


def _words(job: Job) -> str:
    texts = (job.input.get(name) for name in ("prompt", "text", "description", "query"))
    return next((str(text) for text in texts if text), job.subject_matter)
