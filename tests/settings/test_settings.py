"""Loading settings, and the errors when they are wrong."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ConfigError
from bot.settings import ChainSpec, DatabaseSettings, Settings
from bot.settings.commands import CommandRole
from bot.settings.dotenv import find_misspelt_names, is_readable_by_others
from bot.settings.settings import duration_to_text, parse_duration

TOKENS: dict[str, Any] = {"discord_token": "d.secret.token", "replicate_api_token": "r-secret"}


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
    assert "d.secret" not in text
    assert "r-secret" not in text


def test_error_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(ConfigError) as caught:
        Settings.load(**TOKENS)
    assert "secret" not in str(caught.value)


def test_secrets_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "discord").write_text("from.a.file\n")
    settings = Settings.load(discord_token_file=tmp_path / "discord", replicate_api_token="r")
    assert settings.discord_token.get_secret_value() == "from.a.file"


def test_the_token_of_cog_servers_is_no_secret_in_the_open(tmp_path: Path) -> None:
    (tmp_path / "cog").write_text("an-own-token\n")
    settings = Settings.load(**TOKENS, cog_webhook_token_file=tmp_path / "cog")
    assert settings.cog_token == "an-own-token"
    assert "an-own-token" not in repr(settings)
    assert Settings.load(**TOKENS).cog_token == ""
    with pytest.raises(ConfigError, match="COG_WEBHOOK_TOKEN: This cannot be in a header"):
        Settings.load(**TOKENS, cog_webhook_token="two words")


def test_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"DISCORD_TOKEN_FILE: .*nowhere cannot be read"):
        Settings.load(discord_token_file=tmp_path / "nowhere", replicate_api_token="r")


def test_dotenv_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "DISCORD_TOKEN=a.b.c\nREPLICATE_API_TOKEN=b\nCOMMANDS=talk=meta/llama, cut=deployments/me/cut\n"
    )
    assert [str(spec.target) for spec in Settings.load().specs] == ["meta/llama", "deployments/me/cut"]


def test_commands_file_has_further_options(tmp_path: Path) -> None:
    (tmp_path / "commands.toml").write_text(
        '[paint]\nmodel = "a/b"\ndescription = "Paint"\nrole = "edit"\nhidden = ["seed"]\n'
        'defaults = { format = "png" }\nlimits = { number_of_outputs = 5 }\n'
    )
    [paint] = Settings.load(**TOKENS, commands_file=tmp_path / "commands.toml").specs
    assert (paint.description, paint.hidden, dict(paint.defaults)) == ("Paint", ("seed",), {"format": "png"})
    assert paint.limits == {"number_of_outputs": 5}
    assert paint.role is CommandRole.EDIT


def test_commands_file_has_chains(tmp_path: Path) -> None:
    (tmp_path / "commands.toml").write_text(
        '[draw]\nmodel = "a/b"\n[cutout]\nmodel = "c/d"\n[poster]\nsteps = ["draw", "/cutout"]\ndescription = "Two"\n'
    )
    settings = Settings.load(**TOKENS, commands_file=tmp_path / "commands.toml")
    assert [spec.name for spec in settings.specs] == ["draw", "cutout"]
    assert settings.chains == (ChainSpec(name="poster", steps=("draw", "cutout"), description="Two"),)


@pytest.mark.parametrize(
    ("chain", "error"),
    [
        ('steps = ["draw", "gone"]', "/poster: its step “gone” is not one of the configured commands."),
        ('steps = ["draw", "poster"]', "/poster: its step “poster” is a chain."),
        ('steps = ["draw", "other"]\n[other]\nsteps = ["draw", "poster"]', "/poster: its step “other” is a chain."),
        ('steps = ["draw"]', "[poster] steps must be 2 to 5 commands."),
        ('steps = "draw"', "[poster] steps must be a list of commands"),
        (
            'steps = ["draw", "draw"]\nlimits = {}',
            "[poster] has an unknown key limits. Valid keys: description, st",
        ),
    ],
)
def test_an_invalid_chain_is_explained(tmp_path: Path, chain: str, error: str) -> None:
    (tmp_path / "commands.toml").write_text(f'[draw]\nmodel = "a/b"\n[poster]\n{chain}\n')
    with pytest.raises(ConfigError) as raised:
        Settings.load(**TOKENS, commands_file=tmp_path / "commands.toml")
    assert error in raised.value.sentence


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('[paint]\nmodle = "a/b"\n', r"\[paint\] needs a line model"),
        ('[paint]\nmodel = "a/b"\ncolour = 1\n', r"has an unknown key colour"),
        ('[paint]\nmodel = "a/b"\nrole = "paint"\n', r"role must be one of upscale, edit, animate, describe, remove-"),
        ('[paint]\nmodel = "a/b"\nrole = ["upscale"]\n', r"role must be one of upscale"),
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


DOTENV = "ABOUT_URL=https://bot.example/für\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (DOTENV.encode("utf-16"), "saved as UTF-16"),
        (DOTENV.encode("utf-16-le"), "saved as UTF-16"),
        (DOTENV.encode("latin-1"), r"not UTF-8 \(line 1\)"),
        (b"LOG_LEVEL=info\n\xff", r"not UTF-8 \(line 2\)"),
    ],
)
@pytest.mark.parametrize("load", [Settings.load, DatabaseSettings.load])
def test_a_dotenv_that_is_not_utf8_is_explained(
    tmp_path: Path, content: bytes, sentence: str, load: Callable[[], object]
) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"\.env is .*{sentence}.*Save it as UTF-8"):
        load()


def test_a_dotenv_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / ".env")
    with pytest.raises(ConfigError, match=r"\.env cannot be read"):
        Settings.load(**TOKENS)


@pytest.mark.parametrize(
    "wrapped",
    ["{}\n", "{}\r\n", " {} ", "\t{}\n\n", '"{}"', "'{}'", '"{}"\r\n', "\ufeff{}", '\ufeff"{}"\n', '" {} "', "{}\xa0"],
)
@pytest.mark.parametrize("source", ["environment", "dotenv", "file"])
def test_every_source_is_cleaned_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: str, source: str
) -> None:
    values = {"DISCORD_TOKEN": "d.d.d", "REPLICATE_API_TOKEN": "r", "LOG_LEVEL": "debug", "HTTP_PORT": "0"}
    dirty = {name: wrapped.format(value) for name, value in values.items()}
    match source:
        case "environment":
            for name, value in dirty.items():
                monkeypatch.setenv(name, value)
        case "dotenv":
            (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in dirty.items()))
        case _:
            for name in ("DISCORD_TOKEN", "REPLICATE_API_TOKEN"):
                (tmp_path / name).write_bytes(dirty[name].encode())
                monkeypatch.setenv(f"{name}_FILE", wrapped.format(tmp_path / name))
    settings = Settings.load()
    assert settings.discord_token.get_secret_value() == "d.d.d"
    assert settings.replicate_token == "r"
    if source != "file":
        assert (settings.log_level, settings.http_port) == ("debug", 0)


def test_a_dotenv_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfDISCORD_TOKEN=d.d.d\r\nREPLICATE_API_TOKEN=r\r\n")
    assert Settings.load().discord_token.get_secret_value() == "d.d.d"


@pytest.mark.parametrize("content", ["d.d.d".encode("utf-16"), b"\xe9.d.d", b"\0"])
def test_a_token_file_that_is_no_text_is_explained(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match=r"DISCORD_TOKEN_FILE: .*token is .*Save it as UTF-8") as caught:
        Settings.load(discord_token_file=tmp_path / "token", replicate_api_token="r")
    assert "d.d" not in str(caught.value)


@pytest.mark.parametrize("token", ["Bot d.d.d", "d.d", "0" * 64, "d d.d.d", "dé.d.d", "d.d.d\x00", "r8_" + "a" * 37])
def test_what_is_no_bot_token_is_explained(token: str) -> None:
    with pytest.raises(ConfigError, match=r"DISCORD_TOKEN: .*three parts.*Bot page") as caught:
        Settings.load(discord_token=token, replicate_api_token="r")
    assert token not in str(caught.value)


@pytest.mark.parametrize("token", ["r8_ü", "r 8", "r\n8"])
def test_what_is_no_replicate_token_is_explained(token: str) -> None:
    with pytest.raises(ConfigError, match=r"REPLICATE_API_TOKEN: .*api-tokens") as caught:
        Settings.load(discord_token="d.d.d", replicate_api_token=token)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("RUNS_PER_USER", "three", "RUNS_PER_USER: “three” is not a whole number."),
        ("RUNS_PER_USER", "0", "RUNS_PER_USER: “0” is too small. Use at least 1."),
        ("RUNS_PER_USER", "9" * 5000, f"RUNS_PER_USER: “{'9' * 60}…” is not a whole number."),
        ("HTTP_PORT", "70000", "HTTP_PORT: “70000” is too large. Use at most 65535."),
        (
            "MODEL_EDITORS",
            "12,mia",
            "MODEL_EDITORS: “mia” is not an id, a number. Switch on Developer Mode in Discord and use Copy ID.",
        ),
        ("COG_RESEND", "perhaps", "COG_RESEND: “perhaps” is neither true nor false. Use true or false."),
        ("LOG_LEVEL", "loud", "LOG_LEVEL: “loud” is not a valid value. Use debug, info, warning or error."),
        (
            "LOG_LEVEL",
            "\x1b[31m",
            "LOG_LEVEL: “�[31m” is not a valid value. Use debug, info, warning or error.",
        ),
        ("WEBHOOK_URL", "bot", "WEBHOOK_URL: “bot” is not a URL. Use a format like https://example.com."),
        (
            "REPLICATE_BASE_URL",
            "a:b@c",
            "REPLICATE_BASE_URL: The value is not a URL. Use a format like https://example.com.",
        ),
        (
            "DISCORD_GATEWAY_URL",
            "x",
            "DISCORD_GATEWAY_URL: “x” is not a URL. Use a format like wss://gateway.discord.gg.",
        ),
        ("RUN_DEADLINE", "1s", "RUN_DEADLINE must be at least 5s, the shortest that Replicate accepts."),
        ("WEBHOOK_URL", "https://a.b", "WEBHOOK_URL needs HTTP_PORT: webhooks arrive at the HTTP server."),
    ],
)
def test_a_wrong_value_is_explained_without_jargon(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        Settings.load(**TOKENS)
    assert str(caught.value) == sentence


LIBRARY_WORDS = re.compile(
    r"pydantic|literal|parsable|input should|type=|valid (integer|string|boolean)", re.IGNORECASE
)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_no_wrong_value_is_told_in_the_librarys_words(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name.upper(), "☃ no such thing")
    try:
        Settings.load(**{token: value for token, value in TOKENS.items() if token != name})
    except ConfigError as error:
        [sentence] = error.sentence.splitlines()
        assert sentence.startswith(name.upper())
        assert not LIBRARY_WORDS.search(sentence)
        assert "This value is not valid" not in sentence


@pytest.mark.parametrize("value", ["INFO", "Info"])
def test_choices_are_read_in_any_case(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LOG_LEVEL", value)
    assert Settings.load(**TOKENS).log_level == "info"


def test_a_missing_token_says_where_it_belongs() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load()
    discord, replicate = caught.value.sentence.splitlines()
    assert discord == (
        "DISCORD_TOKEN is not set. Copy it from the Bot page of your application at "
        "discord.com/developers/applications, and put it into the file .env as DISCORD_TOKEN=your-token."
    )
    assert "replicate.com/account/api-tokens" in replicate
    assert replicate.endswith("To try the bot without any tokens, run: python -m bot sandbox.")


def test_a_misspelt_name_is_told_with_what_it_breaks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DISCORD_TOKN=d.d.d\nREPLICATE_API_TOKEN=r\n")
    monkeypatch.setenv("RUN_PER_USER", "3")
    with pytest.raises(ConfigError) as caught:
        Settings.load()
    assert "DISCORD_TOKN is not a setting. Did you mean DISCORD_TOKEN?" in caught.value.sentence.splitlines()
    assert "RUN_PER_USER is not a setting. Did you mean RUNS_PER_USER?" in caught.value.sentence.splitlines()


def test_files_and_databases_are_reported_with_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://somewhere")
    monkeypatch.setenv("COMMANDS_FILE", "missing.toml")
    monkeypatch.setenv("HTTP_PORT", "x")
    with pytest.raises(ConfigError) as caught:
        Settings.load()
    names = {re.split(r"[: ]", line)[0] for line in str(caught.value).splitlines()}
    assert names == {"DATABASE_URL", "COMMANDS_FILE", "HTTP_PORT", "DISCORD_TOKEN", "REPLICATE_API_TOKEN"}


def test_misspelt_names_are_found(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DISCORD_TOKN=a\nrun_per_user=1\nHTTP_PORT=1\nCOMPOSE_PROJECT_NAME=x\nLANG=de\n")
    known = {name.upper() for name in Settings.model_fields}
    assert find_misspelt_names(known, environment=()) == {
        "DISCORD_TOKN": "DISCORD_TOKEN",
        "run_per_user": "RUNS_PER_USER",
    }


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RUN_PER_USER", "RUNS_PER_USER"),
        ("SHARD", "SHARDS"),
        ("HTTP_PROXY", None),
        ("COMMAND_MODE", None),
        ("TZ", None),
    ],
)
def test_misspelt_names_in_the_environment_are_found(name: str, meant: str | None) -> None:
    known = {name.upper() for name in Settings.model_fields}
    assert find_misspelt_names(known, environment=[name]) == ({name: meant} if meant else {})


@pytest.mark.parametrize(("mode", "open_to_others"), [(0o600, False), (0o640, True), (0o644, True), (0o622, True)])
def test_a_dotenv_that_others_can_read_is_found(tmp_path: Path, mode: int, *, open_to_others: bool) -> None:
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(mode)
    assert is_readable_by_others() is open_to_others
