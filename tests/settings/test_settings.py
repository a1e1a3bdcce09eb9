"""What a person who sets the bot up meets."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import Settings
from bot.settings.duration import format_duration, parse_duration

TOKENS = {"discord_token": "d-secret", "replicate_api_token": "r-secret"}


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


def test_every_problem_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_repr_shows_no_secret() -> None:
    shown = repr(Settings.load(**TOKENS))
    assert "d-secret" not in shown
    assert "r-secret" not in shown


def test_an_error_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(ConfigError) as caught:
        Settings.load(**TOKENS)
    assert "secret" not in str(caught.value)


def test_secrets_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "discord").write_text("from-a-file\n")
    settings = Settings.load(discord_token_file=tmp_path / "discord", replicate_api_token="r")
    assert settings.discord_token.get_secret_value() == "from-a-file"


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"DISCORD_TOKEN_FILE: .*nowhere cannot be read"):
        Settings.load(discord_token_file=tmp_path / "nowhere", replicate_api_token="r")


def test_dotenv_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "DISCORD_TOKEN=a\nREPLICATE_API_TOKEN=b\nCOMMANDS=talk=meta/llama, cut=deployments/me/cut\n"
    )
    assert [str(spec.target) for spec in Settings.load().specs] == ["meta/llama", "deployments/me/cut"]


def test_a_command_file_says_more(tmp_path: Path) -> None:
    (tmp_path / "commands.toml").write_text(
        '[paint]\nmodel = "a/b"\ndescription = "Paint"\nhidden = ["seed"]\n'
        'defaults = { format = "png" }\nlimits = { number_of_outputs = 5 }\n'
    )
    [paint] = Settings.load(**TOKENS, commands_file=tmp_path / "commands.toml").specs
    assert (paint.description, paint.hidden, dict(paint.defaults)) == ("Paint", ("seed",), {"format": "png"})
    assert paint.limits == {"number_of_outputs": 5}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('[paint]\nmodle = "a/b"\n', r"\[paint\] needs a line model"),
        ('[paint]\nmodel = "a/b"\ncolour = 1\n', r"has colour, which means nothing"),
        ('[paint]\nmodel = "a b"\n', r"“a b” is not a model"),
        ('[Paint]\nmodel = "a/b"\n', r"“Paint” is not a command name"),
        ('[runs]\nmodel = "a/b"\n', r"one of the bot's own commands"),
        ('[paint]\nmodel = "a/b"\nlimits = { seed = "x" }\n', r"limits must be numbers"),
        ("[paint", r"is not TOML"),
    ],
)
def test_a_wrong_command_file_is_explained(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "commands.toml").write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        Settings.load(**TOKENS, commands_file=tmp_path / "commands.toml")


def test_one_name_for_two_models_is_refused() -> None:
    with pytest.raises(ConfigError, match="/a is configured twice"):
        _ = Settings.load(**TOKENS, commands="a=x/y,a=x/z").specs


def test_webhooks_need_a_port() -> None:
    with pytest.raises(ConfigError, match="WEBHOOK_URL needs HTTP_PORT"):
        Settings.load(**TOKENS, webhook_url="https://bot.example")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("90s", 90), ("30m", 1800), ("1h30m45s", 5445), ("7d", 604800)]
)
def test_durations_read_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-5s", "1.5h", "m"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)
