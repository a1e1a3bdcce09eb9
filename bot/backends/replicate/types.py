"""The kinds of value that Replicate's JSON is made of, read generously.

Each is a pydantic type that turns what was sent into what we hold, and that fails only where nothing can be made of
it. Unknown keys are ignored everywhere: Replicate may add to its API at any time.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.formatting import replace_surrogates


class ApiModel(BaseModel):
    """An object as Replicate sends it. What it holds is private, so no error quotes it."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=(), hide_input_in_errors=True)


def clean(value: Any) -> Any:
    """Return the same JSON value without halves of surrogate pairs, which neither SQLite nor Discord can take."""
    match value:
        case str():
            return replace_surrogates(value)
        case Mapping():
            return {replace_surrogates(str(key)): clean(item) for key, item in value.items()}
        case list() | tuple():
            return [clean(item) for item in value]
        case _:
            return value


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return replace_surrogates(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _as_text_or_none(value: object) -> str | None:
    return None if value is None else _as_text(value)


def _as_words(value: object) -> str:
    return replace_surrogates(value) if isinstance(value, str) else ""


def _as_moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _as_url(value: object) -> str | None:
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None


def _as_object(value: object) -> dict[str, Any]:
    return clean(value) if isinstance(value, Mapping) else {}


def _as_object_or_none(value: object) -> dict[str, Any] | None:
    return clean(value) if isinstance(value, Mapping) else None


def _as_count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


# An id goes into URLs and file names; what could mean something there is not one.
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$")]
LenientText = Annotated[str, BeforeValidator(_as_text)]
"""Text, whatever JSON it was; "" for null."""
OptionalText = Annotated[str | None, BeforeValidator(_as_text_or_none)]
LenientStr = Annotated[str, BeforeValidator(_as_words)]
"""A string; "" for anything else."""
Timestamp = Annotated[datetime, BeforeValidator(_as_moment)]
"""A time, aware and in UTC, with up to nine digits of a second; without a zone it is UTC."""
OptionalTimestamp = Annotated[datetime | None, BeforeValidator(_as_moment)]
Url = Annotated[str | None, BeforeValidator(_as_url)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(_as_object)]
OptionalJsonObject = Annotated[dict[str, Any] | None, BeforeValidator(_as_object_or_none)]
NonNegativeInt = Annotated[int, BeforeValidator(_as_count)]
Anything = Annotated[Any, BeforeValidator(clean)]


_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_TARGET = re.compile(
    rf"(?P<deployment>deployments/)?(?P<owner>{_NAME})/(?P<name>{_NAME})(?::(?P<version>[0-9a-f]{{64}}))?"
)


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model to run. ``version`` is 64 hex digits; None means the official model or the deployment itself."""

    owner: str
    name: str
    version: str | None = None
    deployment: bool = False

    @classmethod
    def parse(cls, text: str) -> "ModelRef":
        """Read ``owner/name``, ``owner/name:version`` or ``deployments/owner/name``; ValueError says what is wrong."""
        found = _TARGET.fullmatch(text.strip())
        if found is None:
            raise ValueError(
                f"“{text}” is not a model: write owner/name, owner/name:version (64 hex digits) "
                "or deployments/owner/name."
            )
        deployment = found["deployment"] is not None
        if deployment and found["version"]:
            raise ValueError(f"“{text}” names a deployment, and a deployment has its own version.")
        return cls(found["owner"], found["name"], found["version"], deployment)

    @property
    def model(self) -> str:
        """``owner/name``, as Replicate's pages call it."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        prefix = "deployments/" if self.deployment else ""
        suffix = f":{self.version}" if self.version else ""
        return f"{prefix}{self.model}{suffix}"
