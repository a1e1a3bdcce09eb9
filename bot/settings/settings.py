"""Settings: every setting, typed and checked."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    PrivateAttr,
    SecretStr,
    UrlConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import Url
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.backends.target import ServedModel
from bot.errors import ConfigError
from bot.limits import CANCEL_AFTER_MIN, TEXT_MESSAGES, TEXT_MESSAGES_MAX
from bot.money.amounts import parse_dollars
from bot.money.prices import NO_PRICES, PriceTable
from bot.settings.commands import (
    ChainSpec,
    CommandSpec,
    check_chains,
    merge_commands,
    parse_commands,
    read_chains,
    read_commands,
)
from bot.settings.dotenv import DOTENV, check_dotenv, describe_misspelt_names
from bot.settings.prices import read_prices
from bot.settings.problems import describe_problems
from bot.settings.text import clean_value, quote, read_text
from bot.store.location import parse_location

DEFAULT_COMMANDS = "generate=fofr/consistent-character:9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772"
_SECRETS = ("discord_token", "replicate_api_token", "cog_webhook_token")
_DISCORD_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]+")
_GATEWAY_URL = re.compile(r"wss?://[^/\s]", re.IGNORECASE)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")
_DURATION_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


def parse_duration(text: str) -> timedelta:
    """Parse ``90s``, ``30m``, ``1h30m`` or ``7d``; a bare number is seconds. ValueError shows the format."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or not any(match.groups()):
        raise ValueError(f"“{text}” is not a duration. Use a format like 90s, 30m, 1h30m or 7d.")
    amounts = zip(_DURATION_UNITS.values(), match.groups(), strict=True)
    try:
        return sum((unit * int(amount) for unit, amount in amounts if amount), timedelta())
    except OverflowError as error:
        raise ValueError(f"“{text}” is too long a duration.") from error


def duration_to_text(duration: timedelta) -> str:
    """Return a duration in the format of ``parse_duration``, in whole seconds."""
    text = ""
    for name, unit in _DURATION_UNITS.items():
        amount, duration = divmod(duration, unit)
        text += f"{amount}{name}" if amount else ""
    return text or "0s"


def _split_list(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _validate_duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _validate_commands(value: object) -> object:
    return parse_commands(value) if isinstance(value, str) else value


def _validate_shards(value: object) -> object:
    text = str(value).strip().lower()
    if text != "auto" and not re.fullmatch("[1-9][0-9]{0,5}", text, re.ASCII):
        raise ValueError(f"{quote(value)} is not a number of shards. Use a number from 1, or auto.")
    return text if text == "auto" else int(text)


def _validate_base_url(value: object) -> str:
    """Check a base URL and return it as text without a trailing slash."""
    try:
        return str(HttpUrl(str(value))).rstrip("/")
    except ValidationError:
        raise ValueError(f"{quote(value)} is not a URL. Use a format like https://example.com.") from None


def _validate_gateway_url(value: object) -> object:
    if isinstance(value, str) and not _GATEWAY_URL.match(value):
        raise ValueError(f"{quote(value)} is not a URL. Use a format like wss://gateway.discord.gg.")
    return value


def _check_database_url(url: str) -> str:
    try:
        parse_location(url)
    except ConfigError as error:
        raise ValueError(error.sentence) from None
    return url


def _check_commands_file(path: Path) -> Path:
    read_commands(path)
    read_chains(path)
    return path


def _validate_dollars(value: object) -> object:
    return parse_dollars(value) if isinstance(value, str) else value


def _validate_unknown_price(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text in ("free", "refused"):
        return text
    try:
        return parse_dollars(text)
    except ValueError as error:
        raise ValueError(f"{quote(value)} is not free, refused, or an amount in dollars like 0.05.") from error


def _check_prices_file(path: Path) -> Path:
    read_prices(path)
    return path


def _check_discord_token(token: SecretStr) -> SecretStr:
    if not _DISCORD_TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError(
            "This is not a bot token, which has three parts with dots between them. Copy it from the Bot page of your "
            "application at discord.com/developers/applications."
        )
    return token


def _check_replicate_token(token: SecretStr) -> SecretStr:
    if not _PRINTABLE.fullmatch(token.get_secret_value()):
        raise ValueError(
            "This is not a token: it has blanks or accents. Copy it from replicate.com/account/api-tokens."
        )
    return token


def _check_cog_token(token: SecretStr) -> SecretStr:
    if not _PRINTABLE.fullmatch(token.get_secret_value()):
        raise ValueError("This cannot be in a header: it has blanks or accents. Use letters and digits.")
    return token


def _check_run_deadline(deadline: timedelta) -> timedelta:
    if deadline < CANCEL_AFTER_MIN:
        raise ValueError("RUN_DEADLINE must be at least 5s, the shortest that Replicate accepts.")
    return deadline


def _check_http_port(port: int | None, info: ValidationInfo) -> int | None:
    specs: list[CommandSpec] = [*info.data.get("commands", ())]
    with suppress(ValueError):  # reported for the file
        specs += read_commands(info.data["commands_file"]) if info.data.get("commands_file") else ()
    served = next((spec for spec in specs if isinstance(spec.target, ServedModel)), None)
    if served is not None and not port:
        raise ValueError(f"HTTP_PORT is needed for /{served.name}: its Cog server tells there that a run has ended.")
    return port


def _check_webhook_url(url: str, info: ValidationInfo) -> str:
    if "http_port" in info.data and info.data["http_port"] is None:
        raise ValueError("WEBHOOK_URL needs HTTP_PORT: webhooks arrive at the HTTP server.")
    return url


NameList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]
IdList = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_split_list)]
Duration = Annotated[timedelta, NoDecode, BeforeValidator(_validate_duration)]
Shards = Annotated[int | Literal["auto"], BeforeValidator(_validate_shards)]
BaseUrl = Annotated[str, BeforeValidator(_validate_base_url)]
GatewayUrl = Annotated[Url, UrlConstraints(allowed_schemes=["ws", "wss"]), BeforeValidator(_validate_gateway_url)]
RunDeadline = Annotated[Duration, AfterValidator(_check_run_deadline)]
HttpPort = Annotated[int | None, AfterValidator(_check_http_port)]
WebhookUrl = Annotated[BaseUrl, AfterValidator(_check_webhook_url)]
DatabaseUrl = Annotated[str, AfterValidator(_check_database_url)]
Dollars = Annotated[int, BeforeValidator(_validate_dollars)]
UnknownPrice = Annotated[int | Literal["free", "refused"], BeforeValidator(_validate_unknown_price)]
PricesFile = Annotated[Path, AfterValidator(_check_prices_file)]
CommandsFile = Annotated[Path, AfterValidator(_check_commands_file)]
DiscordToken = Annotated[SecretStr, AfterValidator(_check_discord_token)]
ReplicateToken = Annotated[SecretStr, AfterValidator(_check_replicate_token)]
CogToken = Annotated[SecretStr, AfterValidator(_check_cog_token)]


class _SettingsSource(BaseSettings):
    """Reads the environment and ``.env``, and cleans what stands there."""

    model_config = SettingsConfigDict(
        env_file=DOTENV, env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore", frozen=True
    )

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the environment and ``.env``; ConfigError lists every problem, one sentence per line."""
        dotenv = Path(values.get("_env_file", DOTENV) or DOTENV)
        check_dotenv(dotenv)
        try:
            return cls(**values)
        except ValidationError as error:
            sentences = [*describe_problems(error.errors()), *describe_misspelt_names(cls.names(), dotenv)]
            raise ConfigError("\n".join(sentences)) from None

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of all settings, as they are written in the environment."""
        return frozenset(name.upper() for name in cls.model_fields)

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, values: dict[str, Any]) -> dict[str, Any]:
        cleaned = {name: clean_value(value) if isinstance(value, str) else value for name, value in values.items()}
        return {name: value for name, value in cleaned.items() if value != ""}


class Settings(_SettingsSource):
    """Every setting of the bot. A ``repr`` of it shows no secret."""

    discord_token: DiscordToken = Field(description="Bot token, from the Discord developer portal.")
    discord_token_file: Path | None = Field(None, description="File to read `DISCORD_TOKEN` from instead.")
    replicate_api_token: ReplicateToken | None = Field(
        description="Replicate API token, from replicate.com/account/api-tokens; its account pays for the runs. "
        "Not needed if every command runs on a Cog server.",
    )
    replicate_api_token_file: Path | None = Field(None, description="File to read `REPLICATE_API_TOKEN` from instead.")

    commands: Annotated[tuple[CommandSpec, ...], NoDecode, BeforeValidator(_validate_commands)] = Field(
        DEFAULT_COMMANDS,
        validate_default=True,
        description=(
            "Commands and their models: comma-separated `name=owner/model[:version]`, or "
            "`name=deployments/owner/name` for a deployment, or `name=cog+http://host:port` for a Cog server."
        ),
    )
    commands_file: CommandsFile | None = Field(
        None, description="TOML file with commands and further options for each."
    )
    hidden_inputs: NameList = Field(
        ("disable_safety_checker",), description="Model inputs to hide from every command, comma-separated."
    )

    runs_per_user: int = Field(3, ge=1, description="Maximum number of active runs per user.")
    runs_over_limit: Literal["refuse", "wait"] = Field(
        "refuse",
        description="What happens to a run over `RUNS_PER_USER`: `refuse`, or `wait` for the user's other runs.",
    )
    runs_per_day: int | None = Field(
        None, ge=1, description="Maximum number of runs per user in 24 hours (no limit if unset)."
    )
    creates_per_minute: int = Field(
        500, ge=1, description="Maximum number of predictions created per minute, in total."
    )
    run_deadline: RunDeadline = Field(
        timedelta(minutes=30),
        description="Maximum duration of a run; Replicate cancels the prediction after it (`Cancel-After`).",
    )

    prices_file: PricesFile | None = Field(
        None, description="TOML file with the prices of models and commands, beside those that come with the bot."
    )
    unknown_price: UnknownPrice = Field(
        "free",
        description="What a run without a known price counts as: `free`, an amount in dollars, or `refused`.",
    )
    ask_above: Dollars | None = Field(
        None, description="Dollars above which a run is only started after a question (never asked if unset)."
    )
    log_channel: int | None = Field(
        None, description="Id of a channel for lines to the operator, such as a budget that is nearly used up."
    )

    text_messages: int = Field(
        TEXT_MESSAGES,
        ge=1,
        le=TEXT_MESSAGES_MAX,
        description="How many messages the text of a run may fill; the rest is attached as a file.",
    )

    model_editors: IdList = Field(
        (),
        description="User ids allowed to add and remove models, comma-separated; the bot's owner always may.",
    )
    run_any: Annotated[Literal["nobody", "editors", "everyone"], BeforeValidator(_lower)] = Field(
        "editors", description="Who may run any model with `/run`: `nobody`, `editors` or `everyone`."
    )
    about_url: BaseUrl | None = Field(
        None, description="Link shown in `/about`, such as your server's rules, the source code or a contact page."
    )
    command_guild: int | None = Field(
        None, description="Id of a server to register the commands in, for development (everywhere if unset)."
    )

    database_url: DatabaseUrl = Field(
        "sqlite+aiosqlite:///data/replicord.db",
        description="URL of the database: an SQLite file, or PostgreSQL (`postgresql://user:password@host/name`).",
    )
    lease_seconds: int = Field(
        8,
        ge=1,
        le=60,
        description="Seconds after which the other processes of a bot on PostgreSQL take over from one that died.",
    )
    spool_folder: Path | None = Field(
        None,
        description="Folder for output files until Discord has them (`spool` beside the SQLite file, "
        "or `data/spool`, if unset).",
    )
    keep_prompts: Duration = Field(
        timedelta(days=30),
        description="How long prompts, inputs and outputs are kept; those of favourites as long as their run.",
    )
    keep_files: Duration = Field(timedelta(days=1), description="How long uploaded files are kept.")
    keep_runs: Duration = Field(timedelta(days=365), description="How long the record of a run is kept.")
    output_disk_mb: int = Field(
        2048,
        ge=1,
        description="Disk space in MB for output files on their way to Discord; files beyond it are only linked.",
    )

    http_host: str = Field("127.0.0.1", description="Address of the HTTP server for health, metrics and webhooks.")
    http_port: HttpPort = Field(
        None, ge=0, le=65535, validate_default=True, description="Port of the HTTP server (disabled if unset)."
    )
    webhook_url: WebhookUrl | None = Field(
        None,
        description="Public base URL of the HTTP server, for Replicate's signed webhooks (not used if unset).",
    )
    cog_webhook_url: BaseUrl | None = Field(
        None,
        description="Base URL of the HTTP server as Cog servers reach it (`http://HTTP_HOST:HTTP_PORT` if unset).",
    )

    cog_webhook_token: CogToken | None = Field(
        None,
        description="The `WEBHOOK_AUTH_TOKEN` of the Cog servers; what they tell is then accepted with it only.",
    )
    cog_webhook_token_file: Path | None = Field(None, description="File to read `COG_WEBHOOK_TOKEN` from instead.")

    cog_resend: bool = Field(
        default=False,
        description="Whether a run is sent again that a Cog server certainly did not finish because it was restarted.",
    )

    log_format: Annotated[Literal["people", "json"], BeforeValidator(_lower)] = Field(
        "people", description="Log format: `people` or `json`."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        "info", description="Minimum log level: `debug`, `info`, `warning` or `error`."
    )

    replicate_base_url: BaseUrl = Field(
        "https://api.replicate.com",
        description="Base URL of Replicate's API, with or without `/v1`; for a proxy, a gateway or the sandbox.",
    )
    replicate_file_hosts: NameList = Field(
        ("replicate.delivery",),
        description="Hosts that outputs may be downloaded from, with their subdomains, comma-separated.",
    )
    discord_api_url: BaseUrl = Field(
        "https://discord.com/api/v10", description="Base URL of Discord's API; for a proxy or the sandbox."
    )
    discord_gateway_url: GatewayUrl = Field(
        Url("wss://gateway.discord.gg/"), description="URL of Discord's gateway; for a proxy or the sandbox."
    )

    shards: Shards = Field(
        "auto",
        description="Number of gateway connections (shards), or `auto`: as many as Discord recommends.",
    )

    _specs: tuple[CommandSpec, ...] = PrivateAttr(())
    _prices: PriceTable = PrivateAttr(NO_PRICES)
    _chains: tuple[ChainSpec, ...] = PrivateAttr(())

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in _SECRETS:
            path = values.get(f"{name}_file")
            if path and not values.get(name):
                values = {**values, name: _read_secret(name, Path(clean_value(str(path))))}
        return values

    @model_validator(mode="after")
    def _merge_commands(self) -> Self:
        from_file = read_commands(self.commands_file) if self.commands_file else ()
        from_list = self.commands if "commands" in self.model_fields_set or not from_file else ()
        self._specs = merge_commands(from_list, from_file)
        self._chains = check_chains(read_chains(self.commands_file) if self.commands_file else (), self._specs)
        return self

    @model_validator(mode="after")
    def _merge_prices(self) -> Self:
        self._prices = read_prices(self.prices_file)
        return self

    @model_validator(mode="before")
    @classmethod
    def _need_no_token_for_own_models(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("replicate_api_token") or values.get("replicate_api_token_file") or not _are_all_served(values):
            return values
        return {**values, "replicate_api_token": None}

    @property
    def replicate_token(self) -> str:
        """The token as text, "" if there is none."""
        return self.replicate_api_token.get_secret_value() if self.replicate_api_token is not None else ""

    @property
    def cog_token(self) -> str:
        """What Cog servers have to send with an end, "" for nothing."""
        return self.cog_webhook_token.get_secret_value() if self.cog_webhook_token is not None else ""

    @property
    def local_http_url(self) -> str:
        """The base URL of the HTTP server as this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.http_host, self.http_host)  # noqa: S104  # compared
        return f"http://{host}:{self.http_port}"

    @property
    def prices(self) -> PriceTable:
        """The prices that come with the bot, and before them those of PRICES_FILE."""
        return self._prices

    @property
    def unknown_cost(self) -> int | None:
        """What a run without a known price counts as, in micro-dollars; None if such runs are refused."""
        if self.unknown_price == "refused":
            return None
        return self.unknown_price if isinstance(self.unknown_price, int) else 0

    @property
    def specs(self) -> tuple[CommandSpec, ...]:
        """The configured commands, from COMMANDS and COMMANDS_FILE; a file replaces the default of COMMANDS."""
        return self._specs

    @property
    def chains(self) -> tuple[ChainSpec, ...]:
        """The configured chains, from COMMANDS_FILE."""
        return self._chains


class DatabaseSettings(_SettingsSource):
    """The one setting of the commands that need no tokens."""

    database_url: DatabaseUrl = Settings.model_fields["database_url"].default


def _are_all_served(values: Mapping[str, Any]) -> bool:
    """Return whether every configured command runs on a Cog server; False if that cannot be told yet."""
    try:
        commands, file = values.get("commands", ""), values.get("commands_file")
        specs = [*(parse_commands(clean_value(commands)) if isinstance(commands, str) else commands)]
        specs += read_commands(Path(clean_value(str(file)))) if file else ()
    except ValueError:
        return False
    return bool(specs) and all(isinstance(spec.target, ServedModel) for spec in specs)


def _read_secret(name: str, path: Path) -> str:
    try:
        return clean_value(read_text(path))
    except ValueError as error:
        raise ValueError(f"{name.upper()}_FILE: {error}") from error
