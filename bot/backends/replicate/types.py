"""The name of a model, and lenient pydantic types for Replicate's JSON.

Each type converts what the API sends and fails only where no value can be made of it. Unknown keys are ignored
everywhere, because Replicate may extend its API at any time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.formatting import replace_surrogates
from bot.large_json import encode

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_MODEL_REF: Final = re.compile(
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
        """Parse ``owner/name``, ``owner/name:version`` or ``deployments/owner/name``; raise ValueError."""
        match = _MODEL_REF.fullmatch(text.strip())
        if match is None:
            raise ValueError(
                f"“{text}” is not a model: write owner/name, owner/name:version (64 hex digits) "
                "or deployments/owner/name."
            )
        deployment = match["deployment"] is not None
        if deployment and match["version"]:
            raise ValueError(f"“{text}” is a deployment, and a deployment has its own version.")
        return cls(match["owner"], match["name"], match["version"], deployment)

    @property
    def model(self) -> str:
        """``owner/name``, as on Replicate's pages."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        prefix = "deployments/" if self.deployment else ""
        suffix = f":{self.version}" if self.version else ""
        return f"{prefix}{self.owner}/{self.name}{suffix}"


class ApiModel(BaseModel):
    """A JSON object of the API. Its values are private, so that no validation error quotes them."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=(), hide_input_in_errors=True)


def clean(value: Any) -> Any:
    """Return the JSON value with lone surrogates replaced: neither SQLite nor Discord accepts them."""
    match value:
        case str():
            return replace_surrogates(value)
        case Mapping():
            return {replace_surrogates(str(key)): clean(item) for key, item in value.items()}
        case list() | tuple():
            return [clean(item) for item in value]
        case _:
            return value


def _to_text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else "".join(encode(value))


def _to_optional_text(value: object) -> str | None:
    return None if value is None else _to_text(value)


def _to_str(value: object) -> str:
    return value if isinstance(value, str) else ""


def _to_timestamp(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _to_url(value: object) -> str | None:
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None


def _to_object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _to_optional_object(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None


def _to_non_negative_int(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


_CLEAN: Final = BeforeValidator(clean)  # pydantic runs the last validator of a type first, so this one after it

# Ids and names become parts of URLs and file names, so they have no characters with a meaning there.
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$")]
LenientText = Annotated[str, _CLEAN, BeforeValidator(_to_text)]
"""Any JSON value as text; "" for null."""
OptionalText = Annotated[str | None, _CLEAN, BeforeValidator(_to_optional_text)]
"""Any JSON value as text; None for null."""
LenientStr = Annotated[str, _CLEAN, BeforeValidator(_to_str)]
"""A string; "" for any other value."""
Timestamp = Annotated[datetime, BeforeValidator(_to_timestamp)]
"""An aware time in UTC, with up to nine digits of a second; UTC is assumed where there is no zone."""
OptionalTimestamp = Annotated[datetime | None, BeforeValidator(_to_timestamp)]
Url = Annotated[str | None, BeforeValidator(_to_url)]
"""An http or https URL; None for any other value."""
JsonObject = Annotated[dict[str, Any], _CLEAN, BeforeValidator(_to_object)]
UncheckedObject = Annotated[dict[str, Any] | None, BeforeValidator(_to_optional_object)]
"""A JSON object as it was sent, lone surrogates included; None for any other value. Reading it takes no time."""
NonNegativeInt = Annotated[int, BeforeValidator(_to_non_negative_int)]
JsonValue = Annotated[Any, _CLEAN]
