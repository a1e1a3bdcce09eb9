"""Completing prompts and addresses with what a person has."""

from bot.characters.completion import recalled_run, suggest_addresses, suggest_prompts
from bot.limits import CHOICE_CHARS
from tests.characters.samples import make_character

CHARACTERS = (make_character("bob"), make_character("Mia", description="a woman"), make_character("tomia"))
PROMPTS = {"run-2": "a fox in the snow", "run-1": "x" * 150}


def values(suggestions: list[object]) -> list[str]:
    return [suggestion.value for suggestion in suggestions]  # type: ignore[attr-defined]


def test_names_are_offered_for_an_address() -> None:
    assert values([*suggest_addresses(CHARACTERS, "")]) == ["@bob", "@Mia", "@tomia"]
    assert values([*suggest_addresses(CHARACTERS, "@mi")]) == ["@Mia", "@tomia"]


def test_a_name_is_added_to_an_address() -> None:
    assert values([*suggest_addresses(CHARACTERS, "https://a.example/1.png @b")]) == ["https://a.example/1.png @bob"]


def test_a_typed_address_stays_first() -> None:
    assert values([*suggest_addresses(CHARACTERS, "https://a.example")])[0] == "https://a.example"


def test_last_prompts_are_offered_newest_first() -> None:
    assert values([*suggest_prompts(PROMPTS, (), "")]) == ["a fox in the snow", "prompt:run-1"]


def test_what_is_typed_is_offered_before_what_matches() -> None:
    assert values([*suggest_prompts(PROMPTS, (), "fox")]) == ["fox", "a fox in the snow"]


def test_a_long_prompt_stands_for_its_run() -> None:
    [_, long] = suggest_prompts(PROMPTS, (), "")
    assert len(long.label) <= CHOICE_CHARS
    assert recalled_run(long.value) == "run-1"
    assert recalled_run("a fox") is None


def test_a_name_is_completed_inside_a_prompt() -> None:
    [first, *_] = suggest_prompts(PROMPTS, CHARACTERS, "portrait of @mi")
    assert (first.label, first.value) == ("portrait of @Mia", "portrait of @Mia")


def test_too_long_words_get_no_suggestions() -> None:
    assert suggest_prompts({"run": "x" * 200}, CHARACTERS, "x" * 150) == []
