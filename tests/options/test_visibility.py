"""Who sees a result is an option beside the model's own, where there is room, else a pair in ``advanced``."""

from typing import Any

import pytest

from bot.errors import BadOption
from bot.options.autocomplete import suggest_values
from bot.options.form import build_form
from bot.options.layout import OptionLayout
from bot.options.visibility import has_room_for_visibility, take_visibility
from bot.visibility import Visibility
from tests.options.discord_client import command_payload
from tests.options.samples import layout_of

SMALL = layout_of({"prompt": {"type": "string"}})
CROWDED = layout_of({f"input_{number}": {"type": "string"} for number in range(40)})
OWN = layout_of({"visibility": {"type": "string"}, "prompt": {"type": "string"}})


def names(layout: OptionLayout) -> list[str]:
    return [option["name"] for option in command_payload(layout)["options"]]


def test_the_option_comes_last_where_there_is_room() -> None:
    option = command_payload(SMALL)["options"][-1]
    assert (option["name"], option["required"]) == ("visibility", False)
    assert [choice["value"] for choice in option["choices"]] == ["public", "spoiler", "private"]


def test_a_full_command_takes_it_in_advanced() -> None:
    assert not has_room_for_visibility(CROWDED)
    assert len(names(CROWDED)) == 25
    assert "visibility" not in names(CROWDED)
    text = "input_30=a cat visibility=private input_31=dark"
    values, chosen = take_visibility(CROWDED, {"advanced": text})
    assert chosen is Visibility.PRIVATE
    assert values == {"advanced": 'input_30="a cat"\ninput_31=dark'}


def test_a_models_own_input_keeps_its_name() -> None:
    assert names(OWN).count("visibility") == 1
    assert take_visibility(OWN, {"visibility": "low"}) == ({"visibility": "low"}, None)


@pytest.mark.parametrize("value", ["spoiler", " Spoiler "])
def test_the_option_is_taken_from_the_values(value: str) -> None:
    assert take_visibility(SMALL, {"prompt": "a", "visibility": value}) == ({"prompt": "a"}, Visibility.SPOILER)


def test_nothing_chosen_is_none() -> None:
    assert take_visibility(SMALL, {"prompt": "visibility=private"}) == ({"prompt": "visibility=private"}, None)


@pytest.mark.parametrize("values", [{"visibility": "nobody"}, {"advanced": "visibility=nobody"}])
def test_a_wrong_value_is_named(values: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match="must be public, spoiler or private"):
        take_visibility(CROWDED, values)


def test_a_form_takes_it_in_its_advanced_part() -> None:
    answers = build_form(CROWDED).parse_answers({"advanced": "visibility=private input_30=x"})
    assert take_visibility(CROWDED, answers) == ({"input_30": "x"}, Visibility.PRIVATE)


def test_advanced_completes_it_where_it_has_no_option() -> None:
    option = CROWDED.option("advanced")
    assert option is not None
    assert suggest_values(CROWDED, option, "input_30=x visi")[0].value == "input_30=x visibility="
    values = [suggestion.value for suggestion in suggest_values(CROWDED, option, "visibility=p")]
    assert values[1:] == ["visibility=public", "visibility=private"]
