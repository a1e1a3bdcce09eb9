"""Loading settings, and the errors when they are wrong."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ConfigError
from bot.settings import Settings
from bot.settings.settings import duration_to_text, parse_duration

TOKENS: dict[str, Any] = {"discord_token": "d-secret", "replicate_api_token": "r-secret"}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_two_tokens_are_enough() -> None:
    settings = Settings.load(**TOKENS)
    [generate] = settings.specs
    assert generate.name == "generate"
    assert generate.target.model == "fofr/consistent-character"
    assert settings.run_deadline == timedelta(minutes=30)
    assert str(settings.discord_gateway_url) == "wss://gateway.discord.gg/"


def test_all_problems_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMANDS", "generate")
    monkeypatch.setenv("RUN_DEADLINE", "soon")
    monkeypatch.setenv("HTTP_PORT", "70000")
    with pytest.raises(ConfigError) as caught:
        Settings.load()
    lines = str(caught.value).splitlines()
    assert [line.split()[0].rstrip(":") for line in sorted(lines)] == [
        "COMMANDS", "DISCORD_TOKEN", "HTTP_PORT", "REPLICATE_API_TOKEN", "RUN_DEADLINE",
    ]  # fmt: skip
    assert all(line.endswith(".") for line in lines)


def test_repr_shows_no_secret() -> None:
    text = repr(Settings.load(**TOKENS))
    assert "d-secret" not in text
    assert "r-secret" not in text


def test_error_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(ConfigError) as caught:
        Settings.load(**TOKENS)
    assert "secret" not in str(caught.value)


def test_secrets_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "discord").write_text("from-a-file\n")
    settings = Settings.load(discord_token_file=tmp_path / "discord", replicate_api_token="r")
    assert settings.discord_token.get_secret_value() == "from-a-file"


def test_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"DISCORD_TOKEN_FILE: .*nowhere cannot be read"):
        Settings.load(discord_token_file=tmp_path / "nowhere", replicate_api_token="r")


def test_dotenv_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "DISCORD_TOKEN=a\nREPLICATE_API_TOKEN=b\nCOMMANDS=talk=meta/llama, cut=deployments/me/cut\n"
    )
    assert [str(spec.target) for spec in Settings.load().specs] == ["meta/llama", "deployments/me/cut"]


def test_commands_file_has_further_options(tmp_path: Path) -> None:
    (tmp_path / "commands.toml").write_text(
        '[paint]\nmodel = "a/b"\ndescription = "Paint"\nhidden = ["seed"]\n'
        'defaults = { format = "png" }\nlimits = { number_of_outputs = 5 }\n'
    )
    [paint] = Settings.load(**TOKENS, commands_file=tmp_path / "commands.toml").specs
    assert (paint.description, paint.hidden, dict(paint.defaults)) == ("Paint", ("seed",), {"format": "png"})
    assert paint.limits == {"number_of_outputs": 5}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('[paint]\nmodle = "a/b"\n', r"\[paint\] needs a line model"),
        ('[paint]\nmodel = "a/b"\ncolour = 1\n', r"has an unknown key colour"),
        ('[paint]\nmodel = "a b"\n', r"“a b” is not a model"),
        ('[Paint]\nmodel = "a/b"\n', r"“Paint” is not a valid command name"),
        ('[runs]\nmodel = "a/b"\n', r"one of the bot's own commands"),
        ('[paint]\nmodel = "a/b"\nlimits = { seed = "x" }\n', r"limits must be numbers"),
        ("[paint", r"is not valid TOML"),
    ],
)
def test_invalid_commands_file_is_explained(tmp_path: Path, content: str, error: str) -> None:
    (tmp_path / "commands.toml").write_text(content)
    with pytest.raises(ConfigError, match=error):
        Settings.load(**TOKENS, commands_file=tmp_path / "commands.toml")


def test_duplicate_command_is_rejected() -> None:
    with pytest.raises(ConfigError, match="/a is configured twice"):
        Settings.load(**TOKENS, commands="a=x/y,a=x/z")


def test_webhooks_need_a_port() -> None:
    with pytest.raises(ConfigError, match="WEBHOOK_URL needs HTTP_PORT"):
        Settings.load(**TOKENS, webhook_url="https://bot.example")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("90s", 90), ("30m", 1800), ("1h30m45s", 5445), ("7d", 604800)]
)
def test_duration_is_parsed(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert parse_duration(duration_to_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-5s", "1.5h", "m"])
def test_invalid_duration_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_duration_without_end_is_rejected() -> None:
    with pytest.raises(ConfigError, match=r"KEEP_RUNS: .* is too long"):
        Settings.load(**TOKENS, keep_runs="99999999999999d")


def test_a_dotenv_that_is_not_utf8_is_explained(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("ABOUT_URL=https://bot.example/für\n".encode("utf-16"))
    with pytest.raises(ConfigError, match="UTF-8"):
        Settings.load(_env_file=tmp_path / ".env")
