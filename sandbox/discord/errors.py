"""Discord's API errors: an HTTP status, a JSON code and a message (topics/opcodes-and-status-codes)."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class ErrorKind(NamedTuple):
    """One kind of API error."""

    status: int
    code: int
    message: str


BAD_REQUEST = ErrorKind(400, 0, "400: Bad Request")
UNAUTHORIZED = ErrorKind(401, 0, "401: Unauthorized")
NOT_FOUND = ErrorKind(404, 0, "404: Not Found")
METHOD_NOT_ALLOWED = ErrorKind(405, 0, "405: Method Not Allowed")
UNKNOWN_APPLICATION = ErrorKind(404, 10002, "Unknown Application")
UNKNOWN_CHANNEL = ErrorKind(404, 10003, "Unknown Channel")
UNKNOWN_GUILD = ErrorKind(404, 10004, "Unknown Guild")
UNKNOWN_MEMBER = ErrorKind(404, 10007, "Unknown Member")
UNKNOWN_MESSAGE = ErrorKind(404, 10008, "Unknown Message")
UNKNOWN_ROLE = ErrorKind(404, 10011, "Unknown Role")
UNKNOWN_USER = ErrorKind(404, 10013, "Unknown User")
UNKNOWN_EMOJI = ErrorKind(400, 10014, "Unknown Emoji")
UNKNOWN_WEBHOOK = ErrorKind(404, 10015, "Unknown Webhook")
UNKNOWN_INTERACTION = ErrorKind(404, 10062, "Unknown interaction")
UNKNOWN_COMMAND = ErrorKind(404, 10063, "Unknown application command")
TOO_MANY_COMMANDS = ErrorKind(400, 30032, "Maximum number of application commands reached (100)")
TOO_MANY_REACTIONS = ErrorKind(400, 30010, "Maximum number of reactions reached (20)")
OLD_MESSAGE_EDITS = ErrorKind(429, 30046, "Maximum number of edits to messages older than 1 hour reached")
TOO_LARGE = ErrorKind(413, 40005, "Request entity too large")
ALREADY_ACKNOWLEDGED = ErrorKind(400, 40060, "Interaction has already been acknowledged.")
TOO_MANY_FOLLOWUPS = ErrorKind(400, 40094, "This interaction has reached the maximum number of follow up messages")
MISSING_ACCESS = ErrorKind(403, 50001, "Missing Access")
NOT_YOUR_MESSAGE = ErrorKind(403, 50005, "Cannot edit a message authored by another user")
EMPTY_MESSAGE = ErrorKind(400, 50006, "Cannot send an empty message")
CANNOT_MESSAGE_USER = ErrorKind(403, 50007, "Cannot send messages to this user")
MISSING_PERMISSIONS = ErrorKind(403, 50013, "Missing Permissions")
BAD_TOKEN = ErrorKind(401, 50027, "Invalid Webhook Token")
INVALID_FORM = ErrorKind(400, 50035, "Invalid Form Body")
AUTOMOD = ErrorKind(400, 200000, "Message was blocked by automatic moderation")


class ApiError(Exception):
    """A request that Discord refuses; ``body`` is the JSON of the response."""

    def __init__(
        self,
        kind: ErrorKind,
        *,
        errors: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{kind.status} {kind.code}: {kind.message}")
        self.kind = kind
        self.status = kind.status
        self.code = kind.code
        self.headers = dict(headers or {})
        self.body: dict[str, Any] = {"message": kind.message, "code": kind.code, **(extra or {})}
        if errors is not None:
            self.body["errors"] = dict(errors)
