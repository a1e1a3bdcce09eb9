"""Logs: every line of ours and of the libraries, in one form, without secrets."""

import logging
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import Processor

from bot.observability.redaction import Redactor, hide_by_name

Form = Literal["people", "json"]

# They log every request with its URL, every plug-in and every step at INFO; what matters of it is a metric or ours.
_CHATTY = ("httpx", "httpcore", "aiohttp.access", "alembic", "discord.client")
# It says every value of every statement: tokens that no pattern knows, prompts, pictures.
_TOO_CHATTY = ("aiosqlite",)

Ids = Callable[[], Mapping[str, object]]
_subject: ContextVar[Ids | None] = ContextVar("subject", default=None)


def set_up_logging(
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
def about_run(run_id: str, *, prediction: Callable[[], str | None] = lambda: None) -> Iterator[None]:
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
