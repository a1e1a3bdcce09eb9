"""What is wrong with a setting, as a sentence: pydantic's own are for programmers."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bot.settings.text import quote

_TOKENS: Final = {
    "DISCORD_TOKEN": "Copy it from the Bot page of your application at discord.com/developers/applications",
    "REPLICATE_API_TOKEN": "Create one at replicate.com/account/api-tokens",
}
_SANDBOX: Final = "To try the bot without any tokens, run: python -m bot sandbox."
_IDS: Final = frozenset({"COMMAND_GUILD", "MODEL_EDITORS"})
# By the beginning of pydantic's error types, with their context.
_SENTENCES: Final = {
    "greater_than_equal": "{value} is too small. Use at least {ge}.",
    "greater_than": "{value} is too small. Use more than {gt}.",
    "less_than_equal": "{value} is too large. Use at most {le}.",
    "less_than": "{value} is too large. Use less than {lt}.",
    "literal_error": "{value} is not a valid value. Use {expected}.",
    "bool_": "{value} is neither true nor false. Use true or false.",
    "int_": "{value} is not a whole number.",
    "float_": "{value} is not a number.",
    "decimal_": "{value} is not a number.",
    "url_": "{value} is not a valid URL.",
}
_NOT_AN_ID: Final = "{value} is not an id, a number. Switch on Developer Mode in Discord and use Copy ID."


def describe_problems(problems: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each of the errors of a pydantic ValidationError; they show no value of a secret."""
    sentences: list[str] = []
    missing_token: int | None = None
    for problem in problems:
        if problem["type"] == "missing" and _name(problem) in _TOKENS:
            missing_token = len(sentences)
        sentences.append(_describe_problem(problem))
    if missing_token is not None:
        sentences[missing_token] += f" {_SANDBOX}"
    return sentences


def _describe_problem(problem: Mapping[str, Any]) -> str:
    name = _name(problem)
    if problem["type"] == "missing":
        if name in _TOKENS:
            return f"{name} is not set. {_TOKENS[name]}, and put it into the file .env as {name}=your-token."
        return f"{name} is not set, and it is required."
    sentence = _describe_value(name, problem)
    return sentence if not name or sentence.startswith(name) else f"{name}: {sentence}"


def _name(problem: Mapping[str, Any]) -> str:
    return str(problem["loc"][0]).upper() if problem["loc"] else ""


def _describe_value(name: str, problem: Mapping[str, Any]) -> str:
    kind, context = str(problem["type"]), problem.get("ctx", {})
    if kind == "value_error":  # of our own validators
        return str(context["error"]).rstrip(".") + "."
    if kind.startswith("int_") and name in _IDS:
        return _NOT_AN_ID.format(value=quote(problem["input"]))
    if "expected" in context:
        context = {**context, "expected": str(context["expected"]).replace("'", "")}
    sentence = next((text for start, text in _SENTENCES.items() if kind.startswith(start)), "This value is not valid.")
    return sentence.format(value=quote(problem["input"]), **context)
