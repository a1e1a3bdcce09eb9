"""Models as people write them, and the names of their commands."""

import pytest

from bot.backends.replicate.types import ModelRef
from bot.catalog.resolve import default_command_name, parse_model_name
from bot.errors import Refused
from bot.settings.commands import check_name

VERSION = "9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772"
PAGE = "https://replicate.com/fofr/consistent-character"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fofr/consistent-character", ModelRef("fofr", "consistent-character")),
        (f" fofr/consistent-character:{VERSION} ", ModelRef("fofr", "consistent-character", VERSION)),
        ("deployments/me/mine", ModelRef("me", "mine", deployment=True)),
        (PAGE, ModelRef("fofr", "consistent-character")),
        (f"{PAGE}/", ModelRef("fofr", "consistent-character")),
        (f"{PAGE}/api?tab=python#x", ModelRef("fofr", "consistent-character")),
        (f"{PAGE}/versions/{VERSION}/api", ModelRef("fofr", "consistent-character", VERSION)),
        ("replicate.com/deployments/me/mine", ModelRef("me", "mine", deployment=True)),
    ],
)
def test_model_is_parsed_from_every_form(text: str, expected: ModelRef) -> None:
    assert parse_model_name(text) == expected


@pytest.mark.parametrize("text", ["", "flux", "a b/c", "https://example.com/fofr/face", "fofr/x:latest", "../x"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Refused, match="owner/name"):
        parse_model_name(text)


@pytest.mark.parametrize("name", ["flux-1.1-pro", "SDXL", "a" * 60, "x._-y", "model_2"])
def test_default_command_name_is_valid(name: str) -> None:
    check_name(default_command_name(ModelRef("somebody", name)))
