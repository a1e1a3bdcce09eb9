"""Discord's answers of “no”, as its clients read them: an HTTP status, a JSON code and words.

Codes and words are from topics/opcodes-and-status-codes.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Refusal(NamedTuple):
    """One way in which Discord says no."""

    status: int
    code: int
    message: str


BAD_REQUEST = Refusal(400, 0, "400: Bad Request")
UNAUTHORIZED = Refusal(401, 0, "401: Unauthorized")
NOT_FOUND = Refusal(404, 0, "404: Not Found")
METHOD_NOT_ALLOWED = Refusal(405, 0, "405: Method Not Allowed")
UNKNOWN_APPLICATION = Refusal(404, 10002, "Unknown Application")
UNKNOWN_CHANNEL = Refusal(404, 10003, "Unknown Channel")
UNKNOWN_GUILD = Refusal(404, 10004, "Unknown Guild")
UNKNOWN_MEMBER = Refusal(404, 10007, "Unknown Member")
UNKNOWN_MESSAGE = Refusal(404, 10008, "Unknown Message")
UNKNOWN_ROLE = Refusal(404, 10011, "Unknown Role")
UNKNOWN_USER = Refusal(404, 10013, "Unknown User")
UNKNOWN_EMOJI = Refusal(400, 10014, "Unknown Emoji")
UNKNOWN_WEBHOOK = Refusal(404, 10015, "Unknown Webhook")
UNKNOWN_INTERACTION = Refusal(404, 10062, "Unknown interaction")
UNKNOWN_COMMAND = Refusal(404, 10063, "Unknown application command")
BOTS_CANNOT = Refusal(403, 20001, "Bots cannot use this endpoint")
TOO_MANY_COMMANDS = Refusal(400, 30032, "Maximum number of application commands reached (100)")
TOO_MANY_REACTIONS = Refusal(400, 30010, "Maximum number of reactions reached (20)")
OLD_MESSAGE_EDITS = Refusal(429, 30046, "Maximum number of edits to messages older than 1 hour reached")
TOO_LARGE = Refusal(413, 40005, "Request entity too large")
ALREADY_ACKNOWLEDGED = Refusal(400, 40060, "Interaction has already been acknowledged.")
TOO_MANY_FOLLOWUPS = Refusal(400, 40094, "This interaction has reached the maximum number of follow up messages")
MISSING_ACCESS = Refusal(403, 50001, "Missing Access")
NOT_YOUR_MESSAGE = Refusal(403, 50005, "Cannot edit a message authored by another user")
EMPTY_MESSAGE = Refusal(400, 50006, "Cannot send an empty message")
CANNOT_MESSAGE_USER = Refusal(403, 50007, "Cannot send messages to this user")
MISSING_PERMISSIONS = Refusal(403, 50013, "Missing Permissions")
BAD_TOKEN = Refusal(401, 50027, "Invalid Webhook Token")
INVALID_FORM = Refusal(400, 50035, "Invalid Form Body")
ARCHIVED_THREAD = Refusal(400, 50083, "Thread is archived")
REACTION_BLOCKED = Refusal(403, 90001, "Reaction was blocked")
AUTOMOD = Refusal(400, 200000, "Message was blocked by automatic moderation")


class ApiError(Exception):
    """A request that Discord refuses; ``body`` is what the client gets."""

    def __init__(
        self,
        refusal: Refusal,
        *,
        errors: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{refusal.status} {refusal.code}: {refusal.message}")
        self.refusal = refusal
        self.status = refusal.status
        self.code = refusal.code
        self.headers = dict(headers or {})
        self.body: dict[str, Any] = {"message": refusal.message, "code": refusal.code, **(extra or {})}
        if errors is not None:
            self.body["errors"] = dict(errors)
