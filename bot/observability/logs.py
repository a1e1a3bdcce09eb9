"""Logs: every line of ours and of the libraries, in one form, without secrets."""

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

from bot.secrets import is_secret_name

REDACTED: Final = "…"
_SHORTEST_SECRET: Final = 6
_END = r"""\s"'<>\\|)}\]"""  # what ends a URL or a word, also inside JSON and Python literals

_SIGNED = "ex|is|hm|sig|signature|expiry|expires|policy|key|token|access_token|x-(?:amz|goog)-[a-z-]+"
# Everything before a secret is bounded, so that no line, however long, takes more than a moment.
_PATTERNS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # Data URIs: a person's own picture, and very long.
        (rf"\b(data:[\w.+-]{{0,60}}/?[\w.+-]{{0,60}}(?:;[^,{_END}]{{0,100}})?,)[^{_END}]+", rf"\1{REDACTED}"),
        # Interaction and webhook tokens stand in the path: whoever has one may post.
        (rf"((?:/webhooks|/interactions)/\d+/)[^/?#{_END}]+", rf"\1{REDACTED}"),
        # Stream URLs are capabilities, on hosts that change; outputs are private files without a lock.
        (rf"(https?://[\w.-]{{0,200}}\bstream(?:ing)?[\w.-]{{0,200}}(?::\d+)?/)[^{_END}]+", rf"\1{REDACTED}"),
        (rf"(/v1/(?:streams|files)/)(?=[^/{_END}]*-)[^{_END}]+", rf"\1{REDACTED}"),
        (rf"(/v1/streams/)[^{_END}]+", rf"\1{REDACTED}"),
        (rf"(https?://(?:[\w-]+\.)*replicate\.delivery/)[^{_END}]+", rf"\1{REDACTED}"),
        # Signatures and the like in any query.
        (rf"([?&;](?:{_SIGNED})=)[^&#;{_END}]+", rf"\1{REDACTED}"),
        # Passwords in URLs (a database's).
        (r"(\b[a-z][a-z0-9+.-]{0,30}://[^:/@\s]{0,100}:)[^@/\s]+(?=@)", rf"\1{REDACTED}"),
        (r"(\bbearer\s+)[\w.~+/=-]{6,}", rf"\1{REDACTED}"),
        # The secrets themselves, wherever they stand: Replicate's, its webhooks', Discord's.
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


class Redactor:
    """Takes secrets out of text.

    ``secrets`` are known ones, taken out word for word; the patterns above find the others. It may take out too
    much, never too little.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __repr__(self) -> str:
        return "Redactor()"

    def __call__(self, text: str) -> str:
        """Return the text without its secrets; twice is the same as once."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return _hide_named_values(text)


def _hide_named_values(text: str) -> str:
    kept: list[str] = []
    end = 0
    for found in _NAME.finditer(text):
        if found.end() >= end and is_secret_name(found["name"]) and (value := _VALUE.match(text, found.end())):
            kept += [text[end : found.end()], REDACTED]
            end = value.end()
    return "".join([*kept, text[end:]])


def hide_by_name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide the values that are logged under a secret's name (a structlog processor)."""
    for name in event:
        if is_secret_name(name) and event[name] is not None:
            event[name] = REDACTED
    return event


Form = Literal["people", "json"]

# They log every request with its URL, every plug-in and every step at INFO; what matters of it is a metric or ours.
_CHATTY = ("httpx", "httpcore", "aiohttp.access", "alembic", "discord.client")
# It says every value of every statement: tokens that no pattern knows, prompts, pictures.
_TOO_CHATTY = ("aiosqlite",)

Ids = Callable[[], Mapping[str, object]]
_subject: ContextVar[Ids | None] = ContextVar("subject", default=None)


def configure_logging(
    *, form: Form = "people", level: str = "info", secrets: Collection[str] = (), stream: TextIO | None = None
) -> None:
    """Send every log line of the process to ``stream`` (stderr), as JSON or for people, without secrets.

    ``secrets`` are the bot's own, to be taken out word for word. Uncaught exceptions and warnings are logged too.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        _name_subject,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_by_name,
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
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), hide_by_name],
            processors=[ProcessorFormatter.remove_processors_meta, *_rendering(form, colors=stream.isatty())],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    for name in _TOO_CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


@contextmanager
def bind_run(run_id: str, *, prediction: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """Put a run's id, and its prediction's once there is one, on every line that is logged within.

    Tasks that begin within go on with it.
    """
    before = _subject.set(lambda: {"run": run_id, "prediction": prediction()})
    try:
        yield
    finally:
        _subject.reset(before)


def _name_subject(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of what is being worked on where the line does not name them itself."""
    ids = _subject.get()
    for name, value in (ids() if ids else {}).items():
        if value is not None and event.get(name) is None:
            event[name] = value
    return event


class _RedactingFormatter(ProcessorFormatter):
    """Renders a record and takes the secrets out of what came of it: nothing is written that did not pass here."""

    def __init__(self, redact: Redactor, *, processors: list[Processor], foreign_pre_chain: list[Processor]) -> None:
        super().__init__(processors=processors, foreign_pre_chain=foreign_pre_chain)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return self._redact(super().format(record))


def _rendering(form: Form, *, colors: bool) -> list[Processor]:
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    # Plain tracebacks: the pretty ones show local variables, and with them secrets.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("bot").critical("The bot fell over an error that nobody expected.", exc_info=(kind, error, trace))
