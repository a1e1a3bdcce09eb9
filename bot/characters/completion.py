"""Complete what a person types with their own characters and last prompts.

Discord takes at most 100 characters of a suggestion. A longer prompt is offered by its beginning, and its value names
the run that it is from; ``recalled_run`` reads that name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bot.characters.names import make_key
from bot.formatting import join_facts, single_line, truncate
from bot.limits import CHOICE_CHARS, RUN_ID_PATTERN
from bot.options.autocomplete import Suggestion, limit_suggestions, match_labels
from bot.store.characters import Character

_LAST_NAME: Final = re.compile(r"(?:^|(?<=[\s,(]))@(?P<name>[^\s@,]*)$")
_RECALL: Final = re.compile(rf"prompt:(?P<run>{RUN_ID_PATTERN})", re.ASCII)


def is_naming(typed: str) -> bool:
    """Return whether the last word of a text begins with @."""
    return _LAST_NAME.search(typed) is not None


def suggest_addresses(characters: Sequence[Character], typed: str) -> list[Suggestion]:
    """Return suggestions for an input that takes web addresses: what was typed, then the names that match its end."""
    match = _LAST_NAME.search(typed)
    lead = typed[: match.start()] if match else typed and f"{typed.rstrip()} "
    names = _suggest_names(characters, match["name"] if match else "", lead)
    is_address = bool(typed.strip()) and match is None
    return limit_suggestions([*([Suggestion(single_line(typed), typed)] if is_address else []), *names])


def suggest_prompts(prompts: Mapping[str, str], characters: Sequence[Character], typed: str) -> list[Suggestion]:
    """Return suggestions for a prompt: names after an @, else the last prompts (run → prompt) that match."""
    if len(typed) > CHOICE_CHARS:
        return []  # it could not be offered itself, and what is offered first is easily taken by accident
    match = _LAST_NAME.search(typed)
    if match is not None:
        return limit_suggestions(
            [*_suggest_names(characters, match["name"], typed[: match.start()]), Suggestion(_shorten(typed), typed)]
        )
    run_ids, texts = list(prompts), list(prompts.values())
    found = [_suggest_prompt(run_ids[index], texts[index]) for index in match_labels(texts, typed)]
    own = [Suggestion(_shorten(typed), typed)] if typed.strip() else []
    return limit_suggestions([*own, *found])


def recalled_run(prompt: object) -> str | None:
    """Return the run whose prompt a suggestion stands for; None for any other text."""
    match = _RECALL.fullmatch(prompt) if isinstance(prompt, str) else None
    return match["run"] if match else None


def _suggest_prompt(run_id: str, prompt: str) -> Suggestion:
    return Suggestion(_shorten(prompt), prompt if len(prompt) <= CHOICE_CHARS else f"prompt:{run_id}")


def _suggest_names(characters: Sequence[Character], typed: str, lead: str) -> Iterator[Suggestion]:
    key = make_key(typed)
    matching = [one for one in characters if key in one.key]
    for one in sorted(matching, key=lambda one: not one.key.startswith(key)):
        text = f"{lead}@{one.name}"
        # What is chosen is shown as its label: beside other words, the description would look like more of them.
        yield Suggestion(_shorten(text if lead.strip() else join_facts(text, one.description)), text)


def _shorten(text: str) -> str:
    return truncate(single_line(text), CHOICE_CHARS)
