"""Logs: every line of the bot and of its libraries in one format, without secrets.

Secrets are removed from whole lines just before they are written, because they get into lines in many ways: as values,
in the text of exceptions, in what discord.py or httpx log about their requests. The redaction knows the bot's own
secrets word for word and what secrets of Discord and Replicate look like. What it removes becomes "…".
"""

import logging
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import Processor

from bot.limits import HEARTBEAT_DELAY_MAX, LOG_CHARS_WRITTEN
from bot.secrets import is_secret_name

LogFormat = Literal["people", "json"]

REDACTED: Final = "…"
_SECRET_CHARS_MIN: Final = 6
_CUT_CHARS: Final = 1000  # more than any secret has that does not begin with what gives it away
_END: Final = r"""\s"'<>\\|)}\]"""  # ends a URL or a word, also inside JSON and Python literals

_SIGNATURE_PARAMS: Final = "ex|is|hm|sig|signature|expiry|expires|policy|key|token|access_token|x-(?:amz|goog)-[a-z-]+"
# Everything before a secret is bounded, so that the time for a line is linear in its length.
_SECRET_PATTERNS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # Data URIs: private images, and very long.
        (rf"\b(data:[\w.+-]{{0,60}}/?[\w.+-]{{0,60}}(?:;[^,{_END}]{{0,100}})?,)[^{_END}]+", rf"\1{REDACTED}"),
        # Interaction and webhook tokens are part of the path; with one of them anyone can post.
        (rf"((?:/webhooks|/interactions)/\d+/)[^/?#{_END}]+", rf"\1{REDACTED}"),
        # Stream URLs are capabilities, on changing hosts; output URLs give access to private files.
        (rf"(https?://[\w.-]{{0,200}}\bstream(?:ing)?[\w.-]{{0,200}}(?::\d+)?/)[^{_END}]+", rf"\1{REDACTED}"),
        (rf"(/v1/(?:streams|files)/)(?=[^/{_END}]*-)[^{_END}]+", rf"\1{REDACTED}"),
        (rf"(/v1/streams/)[^{_END}]+", rf"\1{REDACTED}"),
        (rf"(https?://(?:[\w-]+\.)*replicate\.delivery/)[^{_END}]+", rf"\1{REDACTED}"),
        # Signatures and tokens in query strings.
        (rf"([?&;](?:{_SIGNATURE_PARAMS})=)[^&#;{_END}]+", rf"\1{REDACTED}"),
        # Passwords in database URLs.
        (r"(\b[a-z][a-z0-9+.-]{0,30}://[^:/@\s]{0,100}:)[^@/\s]+(?=@)", rf"\1{REDACTED}"),
        (r"(\bbearer\s+)[\w.~+/=-]{6,}", rf"\1{REDACTED}"),
        # Tokens without any context: Replicate's, those of its webhooks, Discord's.
        (r"\br8_\w{6,}", REDACTED),
        (r"\bwhsec_[\w+/=-]{6,}", REDACTED),
        (r"\b[\w-]{18,30}\.[\w-]{6,7}\.[\w-]{27,}", REDACTED),
    )
)
# "authorization: Bot x", 'token': 'x', password=x; the name decides whether the value is a secret.
_NAME: Final = re.compile(
    r"(?<![\w-])(?P<name>[A-Za-z_][\w-]{0,200})\\*[\"']?\s*[:=]\s*(?:b?\\*[\"'])?(?:(?:bearer|bot|token|basic)\s+)?",
    re.IGNORECASE,
)
_VALUE: Final = re.compile(rf"(?!None\b|null\b)[^,;&{_END}]+")

# At INFO these log every request with its URL, every plug-in and every step. What matters of it is a metric, or logged
# by the bot itself.
_QUIET_LOGGERS: Final = ("httpx", "httpcore", "aiohttp.access", "alembic", "discord.client")
# Logs every value of every statement: tokens that match no pattern, prompts, images. Silent even at DEBUG.
_SILENT_LOGGERS: Final = ("aiosqlite",)

_GATEWAY_LOGGER: Final = "discord.gateway"
_DELAY_WARNING: Final = "Can't keep up"

_run_context: ContextVar[Callable[[], Mapping[str, object]] | None] = ContextVar("run_context", default=None)


def configure_logging(
    *,
    log_format: LogFormat = "people",
    level: str = "info",
    secrets: Collection[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Write every log line of the process to ``stream`` (stderr), as JSON or for people, without secrets.

    ``secrets`` are removed word for word. Warnings and uncaught exceptions are logged too.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        _add_run_context,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secret_values,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _RedactingFormatter(
            Redactor(secrets),
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _hide_secret_values],
            processors=[ProcessorFormatter.remove_processors_meta, *_renderers(log_format, colors=stream.isatty())],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    for name in _SILENT_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(_GATEWAY_LOGGER).addFilter(_is_true_delay)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


def _is_true_delay(record: logging.LogRecord) -> bool:
    """Drop discord.py's warning of a delayed heartbeat where it is about a race: see ``HEARTBEAT_DELAY_MAX``."""
    if not str(record.msg).startswith(_DELAY_WARNING) or not isinstance(record.args, tuple):
        return True
    return not any(isinstance(one, float) and one >= HEARTBEAT_DELAY_MAX for one in record.args)


@contextmanager
def bind_run(run_id: str, *, prediction: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """Add ``run``, and ``prediction`` once known, to every line logged in this block and by tasks started in it."""
    token = _run_context.set(lambda: {"run": run_id, "prediction": prediction()})
    try:
        yield
    finally:
        _run_context.reset(token)


class Redactor:
    """Remove secrets from text: ``secrets`` word for word, others by patterns. When in doubt it removes too much."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        own = sorted({secret for secret in secrets if len(secret) >= _SECRET_CHARS_MIN}, key=len, reverse=True)
        self._own_secrets = re.compile("|".join(map(re.escape, own))) if own else None

    def __repr__(self) -> str:
        return "Redactor()"

    def __call__(self, text: str) -> str:
        """Return the text without secrets. The function is idempotent."""
        if self._own_secrets is not None:
            text = self._own_secrets.sub(REDACTED, text)
        for pattern, replacement in _SECRET_PATTERNS:
            text = pattern.sub(replacement, text)
        kept: list[str] = []
        end = 0
        for match in _NAME.finditer(text):
            if match.end() >= end and is_secret_name(match["name"]) and (value := _VALUE.match(text, match.end())):
                kept += [text[end : match.end()], REDACTED]
                end = value.end()
        return "".join([*kept, text[end:]])


class _RedactingFormatter(ProcessorFormatter):
    """Render a record and remove its secrets; every line passes through here."""

    def __init__(self, redact: Redactor, *, processors: list[Processor], foreign_pre_chain: list[Processor]) -> None:
        super().__init__(processors=processors, foreign_pre_chain=foreign_pre_chain)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if len(line) <= LOG_CHARS_WRITTEN:
            return self._redact(line)
        # A secret that is cut through is not recognized, so that the last of what is kept is left out.
        return f"{self._redact(line[:LOG_CHARS_WRITTEN])[:-_CUT_CHARS]}{REDACTED}"


def _hide_secret_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values that are logged under the name of a secret (a structlog processor)."""
    for name in event:
        if is_secret_name(name) and event[name] is not None:
            event[name] = REDACTED
    return event


def _add_run_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of the current run unless the line has its own (a structlog processor)."""
    get_ids = _run_context.get()
    for name, value in (get_ids() if get_ids else {}).items():
        if value is not None and event.get(name) is None:
            event[name] = value
    return event


def _renderers(log_format: LogFormat, *, colors: bool) -> list[Processor]:
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    # Plain tracebacks: structlog's other formatters show local variables, and with them secrets.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger("bot").critical("uncaught_exception", exc_info=(kind, error, trace))
