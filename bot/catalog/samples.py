"""A first run for people who have never used a command: inputs that are known to work with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.catalog.catalog import Command
from bot.outputs.output_schema import contains_files

# Prompts that every model for pictures, or for texts, makes something of. They are inputs, so they stay English.
_OF_FILES: Final = (
    "a lighthouse in a storm, watercolor",
    "a fox reading a newspaper in a café, film photo",
    "a tiny greenhouse on the moon, isometric",
    "an old map of an island that does not exist",
)
_OF_TEXTS: Final = (
    "Write a haiku about a lighthouse in a storm.",
    "Explain rainbows to a curious cat, in three sentences.",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A command with values for it, by the model's keys. ``prompt`` is what people see of them, "" for nothing."""

    command: Command
    values: Mapping[str, Any]
    prompt: str


def find_samples(commands: Iterable[Command], *, limit: int) -> tuple[Sample, ...]:
    """Return the samples of the first commands that have one, those that make files first: people see more in them."""
    samples: list[Sample] = []
    counts = {True: 0, False: 0}
    for command in commands:
        of_files = contains_files(command.output_schema)
        sample = find_sample(command, number=counts[of_files])
        if sample is not None:
            samples.append(sample)
            counts[of_files] += 1
    samples.sort(key=lambda sample: not contains_files(sample.command.output_schema))
    return tuple(samples[:limit])


def find_sample(command: Command, *, number: int = 0) -> Sample | None:
    """Return a command's sample: the configured one, or a prompt if that is all it takes; None if it has none.

    ``number`` chooses among the prompts, so that several commands do not show the same.
    """
    layout = command.layout
    if command.sample:
        return Sample(command, command.sample, str(command.sample.get(layout.prompt_field or "", "")))
    if layout.prompt_field is None or command.role is not None:
        return None
    takes_files = any(field.accepts_files for field in layout.fields)
    if takes_files or not set(layout.required) <= {layout.prompt_field}:
        return None  # whether it works without a file, no schema says
    prompts = _OF_FILES if contains_files(command.output_schema) else _OF_TEXTS
    prompt = prompts[number % len(prompts)]
    return Sample(command, {layout.prompt_field: prompt}, prompt)
