"""Parse models as people write them, and name the commands of models."""

import re
import unicodedata
from typing import Final

from bot.backends.replicate.types import ModelRef
from bot.errors import Refused
from bot.limits import COMMAND_NAME_CHARS

_MAX_CHARS: Final = 300
_URL: Final = re.compile(r"(?:https?://)?(?:www\.)?replicate\.com/(?P<path>[^?#]+)(?:[?#].*)?", re.IGNORECASE)
_VERSION_PATH: Final = re.compile(r"(?P<model>[^/]+/[^/]+)/versions/(?P<version>[0-9a-f]{64})(?:/.*)?")
_MODEL_PATH: Final = re.compile(r"(?P<model>(?:deployments/)?[^/]+/[^/]+)(?:/.*)?")
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")


def parse_model_name(text: str) -> ModelRef:
    """Parse ``owner/name``, with or without a version, a deployment, or a page's address. Raise Refused."""
    text = text.strip()[:_MAX_CHARS]
    url = _URL.fullmatch(text)
    try:
        return ModelRef.parse(_parse_path(url["path"].strip("/")) if url else text)
    except ValueError as error:
        raise Refused(str(error)) from error


def default_command_name(target: ModelRef) -> str:
    """Return the name of a model's command if nobody chooses one: “flux-1-1-pro”."""
    ascii_name = unicodedata.normalize("NFKD", target.name.lower()).encode("ascii", "ignore").decode()
    return _NOT_IN_NAMES.sub("-", ascii_name)[:COMMAND_NAME_CHARS].strip("-") or "model"


def _parse_path(path: str) -> str:
    version = _VERSION_PATH.fullmatch(path)
    if version is not None:
        return f"{version['model']}:{version['version']}"
    model = _MODEL_PATH.fullmatch(path)
    return model["model"] if model is not None else path
