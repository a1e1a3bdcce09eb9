"""Naming: models as people write them, and the names that their commands get."""

import re
import unicodedata
from typing import Final

from bot.backends.replicate.types import ModelRef
from bot.errors import Refused
from bot.limits import COMMAND_NAME_CHARS

_CHARS: Final = 300
_PAGE: Final = re.compile(r"(?:https?://)?(?:www\.)?replicate\.com/(?P<rest>[^?#]+)(?:[?#].*)?", re.IGNORECASE)
_VERSION: Final = re.compile(r"(?P<model>[^/]+/[^/]+)/versions/(?P<version>[0-9a-f]{64})(?:/.*)?")
_TAB: Final = re.compile(r"(?P<model>(?:deployments/)?[^/]+/[^/]+)(?:/.*)?")
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")


def parse_model_name(text: str) -> ModelRef:
    """Read ``owner/name``, with a version or not, a deployment, or the address of a page. Refused says how."""
    text = text.strip()[:_CHARS]
    found = _PAGE.fullmatch(text)
    try:
        return ModelRef.parse(_from_page(found["rest"].strip("/")) if found else text)
    except ValueError as error:
        raise Refused(str(error)) from error


def default_command_name(target: ModelRef) -> str:
    """Return the name that a command of this model gets where nobody chose one: “flux-1-1-pro”."""
    plain = unicodedata.normalize("NFKD", target.name.lower()).encode("ascii", "ignore").decode()
    return _NOT_IN_NAMES.sub("-", plain)[:COMMAND_NAME_CHARS].strip("-") or "model"


def _from_page(path: str) -> str:
    version = _VERSION.fullmatch(path)
    if version is not None:
        return f"{version['model']}:{version['version']}"
    tab = _TAB.fullmatch(path)
    return tab["model"] if tab is not None else path
