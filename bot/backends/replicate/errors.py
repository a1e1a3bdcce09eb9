"""What can go wrong between Replicate and us, told apart by what the caller may do next.

::

    ReplicateError
    ├── NotSent               nothing reached Replicate: refused, unresolved, no free connection. Safe to repeat
    ├── NoAnswer              it was sent and no usable answer came: reset, timeout, 5xx. It may have happened
    ├── BadAnswer             a 2xx whose body is not what the API promises; what it asked for was done
    ├── StreamLost            a prediction's stream cannot be had (any more); the prediction itself goes on
    ├── WebhookRefused        a delivery to us that is not to be believed
    │   ├── ForgedWebhook     not signed with the account's secret
    │   └── StaleWebhook      signed, but too long ago, or for a time to come
    └── ApiError              Replicate said no: status, title, detail
        ├── Unauthenticated   401: the token
        ├── InsufficientCredit  402: the account's credit
        ├── Forbidden         403
        ├── NotFound          404: unknown model, version, prediction, or file
        ├── TooLarge          413
        ├── InvalidInput      422: carries ``fields``
        └── Throttled         429: carries ``retry_after``, in seconds
"""

from dataclasses import dataclass


class ReplicateError(Exception):
    """Something went wrong at Replicate's boundary."""


class NotSent(ReplicateError):
    """The request did not reach Replicate; sending it again cannot do anything twice."""


class NoAnswer(ReplicateError):
    """The request left and no usable answer came; what it asked for may have been done.

    ``status`` is there when something answered (a 5xx, perhaps as HTML), ``retry_after`` when that named a wait.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class BadAnswer(ReplicateError):
    """Replicate answered with something that is not what its API promises."""


class StreamLost(ReplicateError):
    """A stream cannot be had (any more); ``status`` is the answer that said so, None where there was none."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class WebhookRefused(ReplicateError):
    """A delivery that is not to be believed."""


class ForgedWebhook(WebhookRefused):
    """It is not signed with the account's webhook secret."""


class StaleWebhook(WebhookRefused):
    """Its timestamp is too far from now, so it may be an old delivery played back."""


class ApiError(ReplicateError):
    """Replicate understood and said no."""

    def __init__(self, *, status: int, title: str, detail: str) -> None:
        super().__init__(f"{status} {title}: {detail}" if title else f"{status} {detail}")
        self.status = status
        self.title = title
        self.detail = detail


class Unauthenticated(ApiError):
    """The token is missing, wrong or revoked."""


class InsufficientCredit(ApiError):
    """The account has no credit left for this."""


class Forbidden(ApiError):
    """The account may not do this."""


class NotFound(ApiError):
    """There is no such thing, or this account may not see it."""


class TooLarge(ApiError):
    """The file is larger than Replicate takes."""


@dataclass(frozen=True, slots=True)
class InvalidField:
    """One input that the model's schema refuses. ``field`` is "input.<name>", or "input" for a missing one."""

    field: str
    type: str
    description: str


class InvalidInput(ApiError):
    """The input or the version does not fit; ``fields`` says where, when Replicate told."""

    def __init__(self, *, status: int, title: str, detail: str, fields: tuple[InvalidField, ...] = ()) -> None:
        super().__init__(status=status, title=title, detail=detail)
        self.fields = fields


class Throttled(ApiError):
    """Too many requests; ``retry_after`` seconds from now it may work again."""

    def __init__(self, *, status: int, title: str, detail: str, retry_after: float) -> None:
        super().__init__(status=status, title=title, detail=detail)
        self.retry_after = retry_after
