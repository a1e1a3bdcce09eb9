"""What tests see of the log."""

import structlog


def configure_logs() -> None:
    """Log without the default tracebacks that show local variables: they take a tenth of a second each."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])
