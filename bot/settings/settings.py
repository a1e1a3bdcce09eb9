"""Settings: the contract with whoever runs the bot."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    HttpUrl,
    PrivateAttr,
    SecretStr,
    UrlConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import Url
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import ConfigError
from bot.limits import CANCEL_AFTER_MIN
from bot.settings.commands import CommandSpec, merge_commands, parse_commands, read_commands
from bot.settings.duration import parse_duration

DEFAULT_COMMANDS = "generate=fofr/consistent-character:9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772"
_SECRETS = ("discord_token", "replicate_api_token")


def _list(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _specs(value: object) -> object:
    return parse_commands(value) if isinstance(value, str) else value


def _bare_url(value: object) -> str:
    """Check a base URL and give it back as text without a closing slash."""
    return str(HttpUrl(str(value))).rstrip("/")


NameList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list)]
IdList = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_list)]
Duration = Annotated[timedelta, NoDecode, BeforeValidator(_duration)]
BaseUrl = Annotated[str, BeforeValidator(_bare_url)]
GatewayUrl = Annotated[Url, UrlConstraints(allowed_schemes=["ws", "wss"])]


class Settings(BaseSettings):
    """Every setting, typed and checked. A ``repr`` of it shows no secret."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    discord_token: SecretStr = Field(description="The bot's token, from the Discord developer portal.")
    discord_token_file: Path | None = Field(None, description="A file that holds `DISCORD_TOKEN` instead.")
    replicate_api_token: SecretStr = Field(description="The token that pays, from replicate.com/account/api-tokens.")
    replicate_api_token_file: Path | None = Field(None, description="A file that holds `REPLICATE_API_TOKEN` instead.")

    commands: Annotated[tuple[CommandSpec, ...], NoDecode, BeforeValidator(_specs)] = Field(
        DEFAULT_COMMANDS,
        validate_default=True,
        description="Comma list of `name=owner/model[:version]`; a deployment is `name=deployments/owner/name`.",
    )
    commands_file: Path | None = Field(None, description="A TOML file with the same and more for each command.")
    hidden_inputs: NameList = Field(("disable_safety_checker",), description="Inputs that no command shows.")

    runs_per_user: int = Field(3, ge=1, description="Runs that one person may have going at once.")
    runs_per_day: int | None = Field(None, ge=1, description="Runs that one person may start in 24 hours.")
    creates_per_minute: int = Field(500, ge=1, description="Predictions started a minute, for everybody.")
    run_deadline: Duration = Field(
        timedelta(minutes=30), description="Sent to Replicate as `Cancel-After`: no prediction outlives it."
    )

    model_editors: IdList = Field((), description="User ids that may add and remove models, beside the bot's owner.")
    run_any: Literal["nobody", "editors", "everyone"] = Field(
        "editors", description="Who may run any model with `/run`: `nobody`, `editors` or `everyone`."
    )
    about_url: BaseUrl | None = Field(
        None, description="A link that `/about` shows: your server's rules, the source, how to reach you."
    )
    command_guild: int | None = Field(None, description="Register commands in this server only; for development.")

    database_url: str = Field("sqlite+aiosqlite:///data/replicord.db", description="Where runs are remembered.")
    keep_prompts: Duration = Field(timedelta(days=30), description="How long prompts and texts are kept.")
    keep_files: Duration = Field(timedelta(days=1), description="How long given files are kept.")
    keep_runs: Duration = Field(timedelta(days=365), description="How long a run's row is kept.")

    http_host: str = Field("127.0.0.1", description="Where health, metrics and webhooks listen.")
    http_port: int | None = Field(None, ge=0, le=65535, description="Their port; unset, nothing listens.")
    webhook_url: BaseUrl | None = Field(
        None, description="Public base URL of that port: Replicate calls it, signed, beside the stream."
    )

    log_format: Literal["people", "json"] = Field("people", description="Log lines for `people` or as `json`.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")

    replicate_base_url: BaseUrl = Field(
        "https://api.replicate.com", description="Replicate's API, without `/v1`; for a proxy or a stand-in."
    )
    replicate_file_hosts: NameList = Field(
        ("replicate.delivery",), description="Hosts, with their subdomains, that outputs may be downloaded from."
    )
    discord_api_url: BaseUrl = Field(
        "https://discord.com/api/v10", description="Discord's API; for a proxy or a stand-in."
    )
    discord_gateway_url: GatewayUrl = Field(
        Url("wss://gateway.discord.gg/"), description="Discord's gateway; likewise."
    )

    _specs: tuple[CommandSpec, ...] = PrivateAttr(())

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the environment and ``.env``; ConfigError lists every problem, a sentence a line."""
        try:
            return cls(**given)
        except ValidationError as error:
            raise ConfigError("\n".join(_sentence(problem) for problem in error.errors())) from None

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in _SECRETS:
            path = values.get(f"{name}_file")
            if path and not values.get(name):
                values = {**values, name: _read_secret(name, Path(path))}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        filed = read_commands(self.commands_file) if self.commands_file else ()
        listed = self.commands if "commands" in self.model_fields_set or not filed else ()
        self._specs = merge_commands(listed, filed)
        if self.run_deadline < CANCEL_AFTER_MIN:
            raise ValueError("RUN_DEADLINE must be at least 5s: Replicate takes no shorter one.")
        if self.webhook_url and self.http_port is None:
            raise ValueError("WEBHOOK_URL needs HTTP_PORT: without a port nobody listens for Replicate's calls.")
        return self

    @property
    def specs(self) -> tuple[CommandSpec, ...]:
        """The configured commands, from the list and the file together; a file alone replaces the default list."""
        return self._specs


def _read_secret(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{name.upper()}_FILE: {path} cannot be read: {error.strerror}.") from error


def _sentence(problem: Mapping[str, Any]) -> str:
    name = str(problem["loc"][0]).upper() if problem["loc"] else ""
    if problem["type"] == "missing":
        where = {
            "DISCORD_TOKEN": "copy it from your application's Bot page at discord.com/developers/applications",
            "REPLICATE_API_TOKEN": "make one at replicate.com/account/api-tokens",
        }
        return f"{name} is not set: {where.get(name, 'it is required')}."
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{name}: {message}." if name else f"{message}."
