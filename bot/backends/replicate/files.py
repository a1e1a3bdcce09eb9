"""Upload of files: prediction inputs that are too large for a data URI. Replicate deletes them after a day."""

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from pydantic import ValidationError

from bot.backends.errors import InvalidResponse, TooLarge
from bot.backends.replicate.api import TIMEOUT, ApiClient, ApiRequest, Upload, resource_path
from bot.backends.replicate.types import ApiModel, Id, Url, clean
from bot.formatting import format_size
from bot.limits import FILE_BYTES, FILENAME_BYTES

# On this transport the read timeout runs while the body is being sent, so a slow connection needs more of it.
_MIN_BYTES_PER_SECOND: Final = 250_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file at Replicate. ``url`` can be used as the input of a prediction."""

    id: str
    url: str = field(repr=False)


class _UrlsJson(ApiModel):
    get: Url


class _FileJson(ApiModel):
    id: Id
    urls: _UrlsJson


class Files:
    """The files of the account."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def create(self, *, name: str, content_type: str, data: bytes) -> RemoteFile:
        """Upload a file. The upload is retried: an extra copy costs nothing and is deleted after a day."""
        if len(data) > FILE_BYTES:
            raise TooLarge(status=413, title="", detail=f"Files must be less than {format_size(FILE_BYTES)} in size.")
        request = ApiRequest(
            operation="files.create",
            method="POST",
            path=resource_path("files"),
            upload=Upload(_fit_name(name), content_type, data),
            read_timeout=(TIMEOUT.read or 0) + len(data) / _MIN_BYTES_PER_SECOND,
        )
        return _parse_file(await self._api.request_object(request))


def _parse_file(data: Any) -> RemoteFile:
    try:
        parsed = _FileJson.model_validate(data)
    except ValidationError as error:
        raise InvalidResponse("Replicate sent a file that cannot be parsed.") from error
    if parsed.urls.get is None:
        raise InvalidResponse("Replicate sent a file without a URL.")
    return RemoteFile(id=parsed.id, url=parsed.urls.get)


def _fit_name(name: str) -> str:
    """Return a file name of at most FILENAME_BYTES bytes that keeps its suffix."""
    name = str(clean(name)).replace("\r", " ").replace("\n", " ").replace("\0", "")
    suffix = PurePath(name).suffix
    if len(suffix.encode()) >= FILENAME_BYTES // 2:
        suffix = ""
    stem = name.removesuffix(suffix).encode()[: FILENAME_BYTES - len(suffix.encode())].decode("utf-8", "ignore")
    return f"{stem}{suffix}" or "file"
