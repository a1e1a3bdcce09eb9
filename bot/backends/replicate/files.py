"""Files: what a prediction gets as input when it is too large for a data URI. Replicate keeps them for a day."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from bot.backends.replicate.api import TIMEOUT, ApiClient, ApiRequest, Upload, decode_object
from bot.backends.replicate.errors import InvalidResponse, NotFound, TooLarge
from bot.backends.replicate.types import ApiModel, Id, LenientStr, NonNegativeInt, OptionalTimestamp, Url, clean
from bot.formatting import format_size
from bot.limits import FILE_BYTES, FILENAME_BYTES

# On this transport the read timeout runs while the body is being sent: a slow line gets the time it needs.
_SLOWEST_BYTES_PER_SECOND = 250_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file that lies at Replicate. ``url`` can be given to a prediction as input; ``size`` is in bytes."""

    id: str
    url: str = field(repr=False)
    name: str
    size: int
    content_type: str
    expires_at: datetime | None = None


class _Urls(ApiModel):
    get: Url


class _File(ApiModel):
    id: Id
    urls: _Urls
    name: LenientStr = ""
    size: NonNegativeInt = 0
    content_type: LenientStr = ""
    expires_at: OptionalTimestamp = None


class Files:
    """The account's files."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def create(self, *, name: str, content_type: str, data: bytes) -> RemoteFile:
        """Upload one. Repeated when it fails: a spare copy costs nothing and is gone in a day."""
        if len(data) > FILE_BYTES:
            raise TooLarge(status=413, title="", detail=f"Files must be less than {format_size(FILE_BYTES)} in size.")
        ask = ApiRequest(
            operation="files.create",
            method="POST",
            url=self._api.url("files"),
            upload=Upload(_short(name), content_type, data),
            read=(TIMEOUT.read or 0) + len(data) / _SLOWEST_BYTES_PER_SECOND,
        )
        return _parse(decode_object((await self._api.repeat(ask)).content))

    async def get(self, id: str) -> RemoteFile:  # noqa: A002 - Replicate's own word for it
        """Return what is known about a file."""
        return _parse(
            await self._api.read(ApiRequest(operation="files.get", method="GET", url=self._api.url("files", id)))
        )

    async def delete(self, id: str) -> None:  # noqa: A002 - Replicate's own word for it
        """Make sure that a file is gone; one that is gone already is fine."""
        with suppress(NotFound):
            await self._api.repeat(
                ApiRequest(operation="files.delete", method="DELETE", url=self._api.url("files", id))
            )

    async def list(self) -> AsyncIterator[RemoteFile]:
        """Yield the account's files, newest first; entries that cannot be read are left out."""
        async for item in self._api.items("files.list", self._api.url("files")):
            with suppress(InvalidResponse):
                yield _parse(item)


def _parse(data: Any) -> RemoteFile:
    try:
        wire = _File.model_validate(data)
    except ValidationError as error:
        raise InvalidResponse("Replicate sent a file that cannot be read.") from error
    if wire.urls.get is None:
        raise InvalidResponse("Replicate sent a file without a URL.")
    return RemoteFile(
        id=wire.id,
        url=wire.urls.get,
        name=wire.name,
        size=wire.size,
        content_type=wire.content_type,
        expires_at=wire.expires_at,
    )


def _short(name: str) -> str:
    """Cut a file name to what Replicate takes, keeping its ending."""
    name = str(clean(name)).replace("\r", " ").replace("\n", " ").replace("\0", "")
    suffix = PurePath(name).suffix
    ending = suffix if len(suffix.encode()) < FILENAME_BYTES // 2 else ""
    stem = name.removesuffix(ending).encode()[: FILENAME_BYTES - len(ending.encode())].decode("utf-8", "ignore")
    return f"{stem}{ending}" or "file"
