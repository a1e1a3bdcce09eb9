"""Discord's API errors, and the field errors of a request body (topics/opcodes-and-status-codes)."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

PathPart = str | int


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
WRONG_CHANNEL_TYPE = ErrorKind(400, 50024, "Cannot execute action on this channel type")
BAD_TOKEN = ErrorKind(401, 50027, "Invalid Webhook Token")
INVALID_FORM = ErrorKind(400, 50035, "Invalid Form Body")
AUTOMOD = ErrorKind(400, 200000, "Message was blocked by automatic moderation")
HARMFUL_LINK = ErrorKind(400, 240000, "Message blocked by harmful links filter")


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


class FormErrors:
    """Collects errors by the path of their field.

    The ``check_…`` methods add an error unless the value at ``path`` is valid; most return whether it is.
    """

    def __init__(self) -> None:
        self._errors: list[tuple[tuple[PathPart, ...], str, str]] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    def add(self, code: str, message: str, *path: PathPart) -> None:
        self._errors.append((path, code, message))

    def raise_if_any(self) -> None:
        """Raise ApiError with all errors; return if there are none."""
        if not self._errors:
            return
        tree: dict[str, Any] = {}
        for path, code, message in self._errors:
            node = tree
            for part in path:
                node = node.setdefault(str(part), {})
            node.setdefault("_errors", []).append({"code": code, "message": message})
        raise ApiError(INVALID_FORM, errors=tree)

    def check_text(self, value: Any, low: int, high: int, *path: PathPart) -> bool:
        """Require a string of ``low`` to ``high`` characters; with ``low`` 0 it may be absent."""
        if value is None:
            if low:
                self.add("BASE_TYPE_REQUIRED", "This field is required", *path)
            return not low
        if not isinstance(value, str):
            self.add("BASE_TYPE_STRING", "Could not interpret value as string.", *path)
            return False
        if low and not value:
            self.add("BASE_TYPE_REQUIRED", "This field is required", *path)
        elif not low <= len(value) <= high:
            message = f"Must be between {low} and {high} in length." if low else f"Must be {high} or fewer in length."
            self.add("BASE_TYPE_BAD_LENGTH" if low else "BASE_TYPE_MAX_LENGTH", message, *path)
        else:
            return True
        return False

    def check_list(self, value: Any, low: int, high: int, *path: PathPart) -> list[Any]:
        """Require a list of ``low`` to ``high`` items and return it; with ``low`` 0 it may be absent."""
        if value is None and not low:
            return []
        if not isinstance(value, list):
            self.add("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType", *path)
            return []
        if not low <= len(value) <= high:
            self.add("BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.", *path)
        return value

    def check_objects(self, value: Any, low: int, high: int, *path: PathPart) -> list[dict[str, Any]]:
        """Require a list of ``low`` to ``high`` objects and return the objects in it."""
        found = []
        for number, item in enumerate(self.check_list(value, low, high, *path)):
            if isinstance(item, dict):
                found.append(item)
            else:
                self.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *path, number)
        return found

    def check_object(self, value: Any, *path: PathPart) -> dict[str, Any]:
        """Require an object and return it; an absent one is empty."""
        if value is None or isinstance(value, dict):
            return value or {}
        self.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *path)
        return {}

    def check_snowflake(self, value: Any, *path: PathPart) -> int:
        """Require an id and return it, or 0."""
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).isdecimal():
            return int(value)
        self.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.', *path)
        return 0

    def check_integer(self, value: Any, low: int, high: int, *path: PathPart) -> bool:
        """Require an integer from ``low`` to ``high``."""
        if isinstance(value, bool) or not isinstance(value, int):
            self.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not int.', *path)
            return False
        if value < low:
            self.add("NUMBER_TYPE_MIN", f"int value should be greater than or equal to {low}.", *path)
        elif value > high:
            self.add("NUMBER_TYPE_MAX", f"int value should be less than or equal to {high}.", *path)
        return low <= value <= high

    def check_one_of(self, value: Any, allowed: Collection[Any], *path: PathPart) -> bool:
        if not isinstance(value, bool) and any(value == one for one in allowed):
            return True
        choices = ", ".join(str(one) for one in sorted(allowed))
        self.add("BASE_TYPE_CHOICES", f"Value must be one of ({choices}).", *path)
        return False
