"""Quirks: what is known of models beyond their schemas, read from ``quirks.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from bot.inputs.names import safe_name


@dataclass(frozen=True, slots=True)
class Quirks:
    """What is known of one model.

    ``require`` are inputs that it fails without. ``prompt`` and ``count`` are names to look for, the likeliest first;
    where ``all_counts`` is set, the product of all of them is the number of outputs. ``words`` describe inputs.
    """

    require: tuple[str, ...]
    prompt: tuple[str, ...]
    count: tuple[str, ...]
    all_counts: bool
    words: Mapping[str, str]

    def word(self, name: str) -> str | None:
        """Return the description of an input that its model does not describe, if there is one."""
        return self.words.get(name) or self.words.get(safe_name(name))


def quirks(model: str) -> Quirks:
    """Return what is known of ``owner/name``; a version behind it does not matter."""
    data = _data()
    common = data["common"]
    own: Mapping[str, Any] = data["models"].get(model.split(":", maxsplit=1)[0].lower(), {})
    return Quirks(
        require=tuple(own.get("require", ())),
        prompt=(own["prompt"],) if "prompt" in own else tuple(common["prompt"]),
        count=tuple(own.get("count", common["count"])),
        all_counts="count" in own,
        words={**common["words"], **own.get("words", {})},
    )


@cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("bot.inputs").joinpath("quirks.toml").read_text("utf-8"))
