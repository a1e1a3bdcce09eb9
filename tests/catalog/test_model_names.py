"""Models as people write them."""

import pytest

from bot.backends.replicate.types import ModelRef
from bot.catalog.model_names import default_command_name, parse_model_name
from bot.errors import Refused
from bot.settings.commands import check_name

VERSION = "9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772"
PAGE = "https://replicate.com/fofr/consistent-character"


@pytest.mark.parametrize(
    ("written", "meant"),
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
def test_a_model_is_read_however_it_was_copied(written: str, meant: ModelRef) -> None:
    assert parse_model_name(written) == meant


@pytest.mark.parametrize("written", ["", "flux", "a b/c", "https://example.com/fofr/face", "fofr/x:latest", "../x"])
def test_what_is_no_model_is_refused_with_how_one_is_written(written: str) -> None:
    with pytest.raises(Refused, match="owner/name"):
        parse_model_name(written)


@pytest.mark.parametrize("name", ["flux-1.1-pro", "SDXL", "a" * 60, "x._-y", "model_2"])
def test_every_model_has_a_name_that_discord_takes(name: str) -> None:
    check_name(default_command_name(ModelRef("somebody", name)))
