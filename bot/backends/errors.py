"""The errors of all backends, by what the caller may do next.

::

    BackendError
    ├── NotSent               the request did not reach the service: refused, unresolved, no connection. Safe to resend
    │   └── EndPending        a prediction is over, and its service has not told yet how it ended
    ├── NoResponse            sent, but no usable response: reset, timeout, 5xx. It may have been carried out
    ├── InvalidResponse       a 2xx whose body is not what the API promises. It was carried out
    │   └── ResponseTooLarge  its body is larger than this bot reads
    ├── StreamLost            a prediction's stream cannot be read (any more); the prediction itself goes on
    ├── WebhookRejected       a webhook delivery that is not authentic
    │   ├── ForgedWebhook     not signed with the account's secret
    │   └── StaleWebhook      signed, but its timestamp is too far from now
    └── ApiError              the service refused: status, title, detail
        ├── Unauthenticated   401: the token
        ├── InsufficientCredit  402: the account's credit
        ├── Forbidden         403
        ├── NotFound          404: unknown model, version, prediction, or file
        │   └── Forgotten     a prediction that certainly does not run any more
        ├── TooLarge          413
        ├── InvalidInput      422: carries ``fields``
        ├── Throttled         429: carries ``retry_after``, in seconds
        ├── Busy              every place is taken: certainly not accepted, and no failed attempt
        └── OutOfService      the service refuses everything until somebody mends it
"""

from dataclasses import dataclass
from enum import StrEnum


class BackendError(Exception):
    """A request to a service, a stream or a webhook failed."""


class NotSent(BackendError):
    """The request did not reach the service; sending it again cannot do anything twice."""


class EndPending(NotSent):
    """The prediction is over, and how it ended is told later; nothing is wrong."""


class NoResponse(BackendError):
    """The request was sent and no usable response came; it may have been carried out.

    ``status`` is that of a 5xx, None where there was no response at all. ``retry_after`` is in seconds, if stated.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class InvalidResponse(BackendError):
    """The response is not what its API promises."""


class ResponseTooLarge(InvalidResponse):
    """The response is larger than this bot reads, and will be so again."""


class StreamLost(BackendError):
    """A stream cannot be read (any more); ``status`` is the response that ended it, None where there was none."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class WebhookRejected(BackendError):
    """A webhook delivery is not authentic."""


class ForgedWebhook(WebhookRejected):
    """The delivery is not signed with the account's webhook secret."""


class StaleWebhook(WebhookRejected):
    """The delivery's timestamp is too far from now, so it may be a replay."""


class ApiError(BackendError):
    """The service refused the request."""

    def __init__(self, *, status: int, title: str, detail: str) -> None:
        super().__init__(f"{status} {title}: {detail}" if title else f"{status} {detail}")
        self.status = status
        self.title = title
        self.detail = detail


class Unauthenticated(ApiError):
    """The token is missing, wrong or revoked."""


class InsufficientCredit(ApiError):
    """The account does not have enough credit."""


class Forbidden(ApiError):
    """The account is not allowed to do this."""


class NotFound(ApiError):
    """The resource does not exist, or the account has no access to it."""


class TooLarge(ApiError):
    """The file is larger than the service accepts."""


@dataclass(frozen=True, slots=True)
class InvalidField:
    """An input that the model's schema rejects. ``field`` is "input.<name>", or "input" for a missing one."""

    field: str
    type: str
    description: str


class InvalidInput(ApiError):
    """The input or the version is invalid; ``fields`` names the inputs where the service does."""

    def __init__(self, *, status: int, title: str, detail: str, fields: tuple[InvalidField, ...] = ()) -> None:
        super().__init__(status=status, title=title, detail=detail)
        self.fields = fields


class Throttled(ApiError):
    """Too many requests; the next may be sent in ``retry_after`` seconds."""

    def __init__(self, *, status: int, title: str, detail: str, retry_after: float) -> None:
        super().__init__(status=status, title=title, detail=detail)
        self.retry_after = retry_after


class Busy(ApiError):
    """Every place is taken, or the model is being set up: the create was refused, and will be accepted later.

    It is no attempt that failed. ``is_starting``: the model is being set up.
    """

    def __init__(self, *, is_starting: bool = False) -> None:
        detail = "The model is starting." if is_starting else "All places are taken."
        super().__init__(status=409, title="", detail=detail)
        self.is_starting = is_starting


class Defect(StrEnum):
    """What is wrong with a service that has to be repaired."""

    SETUP_FAILED = "setup_failed"  # the model could not be loaded
    SETUP_TOO_LONG = "setup_too_long"  # it has been loading for longer than any model takes
    BROKEN = "broken"  # what runs the model is gone or stuck


class OutOfService(ApiError):
    """The create was refused, and every other will be until somebody repairs the service."""

    def __init__(self, defect: Defect) -> None:
        super().__init__(status=409, title="", detail=f"The service is out of order: {defect}.")
        self.defect = defect


class Forgotten(NotFound):
    """The service certainly does not run this prediction, and will tell no end of it: asking again is of no use.

    ``restarted``: the service was started after the prediction was sent to it. ``unfinished``: and this bot would have
    been told of an end before, so the prediction has certainly not finished.
    """

    def __init__(self, *, restarted: bool, unfinished: bool) -> None:
        super().__init__(status=404, title="", detail="The model's server no longer knows this run.")
        self.restarted = restarted
        self.unfinished = unfinished
