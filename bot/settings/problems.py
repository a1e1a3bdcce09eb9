"""What is wrong with a setting, as a sentence: pydantic's own are for programmers."""

from collections.abc import Mapping
from typing import Any, Final

from bot.settings.text import quote

_HINTS: Final = {
    "DISCORD_TOKEN": "copy it from the Bot page of your application at discord.com/developers/applications",
    "REPLICATE_API_TOKEN": "create one at replicate.com/account/api-tokens",
}
# By the beginning of pydantic's error types, with their context.
_SENTENCES: Final = {
    "greater_than_equal": "{value} is too small. Use at least {ge}.",
    "less_than_equal": "{value} is too large. Use at most {le}.",
    "literal_error": "{value} is not a valid value. Use {expected}.",
    "int_": "{value} is not a whole number.",
    "url_": "{value} is not a valid URL.",
}


def describe_problem(problem: Mapping[str, Any]) -> str:
    """Return a sentence for one of the errors of a pydantic ValidationError; it shows no value of a secret."""
    name = str(problem["loc"][0]).upper() if problem["loc"] else ""
    if problem["type"] == "missing":
        return f"{name} is not set: {_HINTS.get(name, 'it is required')}."
    sentence = _describe_value(problem)
    return sentence if not name or sentence.startswith(name) else f"{name}: {sentence}"


def _describe_value(problem: Mapping[str, Any]) -> str:
    kind, context = str(problem["type"]), problem.get("ctx", {})
    if kind == "value_error":  # of our own validators
        return str(context["error"]).rstrip(".") + "."
    sentence = next((text for start, text in _SENTENCES.items() if kind.startswith(start)), "This value is not valid.")
    return sentence.format(value=quote(problem["input"]), **context)
