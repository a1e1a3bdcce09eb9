"""docs/models.md: its examples are read as the bot reads them."""

import re
from pathlib import Path

from bot.settings.commands import parse_commands, read_commands

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text("utf-8")


def test_the_example_of_a_commands_file_is_one(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    (tmp_path / "commands.toml").write_text(found[1])
    generate, portrait = read_commands(tmp_path / "commands.toml")
    assert generate.limits == {"number_of_outputs": 5}
    assert portrait.target.deployment


def test_the_example_of_a_list_of_commands_is_one() -> None:
    found = re.search(r'^COMMANDS="(.*)"$', PAGE, re.MULTILINE)
    assert found is not None
    assert [spec.name for spec in parse_commands(found[1])] == ["generate", "talk", "draw"]
