"""Reading input files: data URIs, uploaded files, and addresses on this machine."""

import base64
import binascii
from collections.abc import Callable
from urllib.parse import unquote_to_bytes, urlsplit

import aiohttp

from bot import limits
from sandbox.replicate.figures import portrait
from sandbox.replicate.job import ModelFailed
from sandbox.replicate.loopback import is_loopback

_TIMEOUT = aiohttp.ClientTimeout(total=30)


class InputReader:
    """Fetches what a model was given.

    Addresses elsewhere are never called: a portrait drawn from the address stands in for what lies there, so that
    examples which point at replicate.delivery work without a network.
    """

    def __init__(self, uploaded: Callable[[str], bytes | None]) -> None:
        self._uploaded = uploaded
        self._session: aiohttp.ClientSession | None = None

    def start(self, session: aiohttp.ClientSession) -> None:
        """Fetch through ``session`` from now on."""
        self._session = session

    async def read(self, uri: str) -> bytes:
        """Return the bytes behind ``uri``; ModelFailed where they cannot be had, as a real model fails then."""
        if uri.startswith("data:"):
            return _decode(uri)
        if (data := self._uploaded(uri)) is not None:
            return data
        address = urlsplit(uri)
        if address.scheme not in ("http", "https"):
            raise ModelFailed(f"<urlopen error unknown url type: {address.scheme}>")
        if not is_loopback(address.hostname):
            return portrait(uri)
        return await self._fetch(uri)

    async def _fetch(self, uri: str) -> bytes:
        if self._session is None:
            raise ModelFailed("<urlopen error [Errno 111] Connection refused>")
        try:
            async with self._session.get(uri, timeout=_TIMEOUT) as response:
                if response.status != 200:
                    raise ModelFailed(f"HTTP Error {response.status}: {response.reason}")
                data = await response.content.read(limits.FILE_BYTES + 1)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ModelFailed(f"<urlopen error {error}>") from error
        return data


def _decode(uri: str) -> bytes:
    head, comma, payload = uri.partition(",")
    if not comma:
        raise ModelFailed("Invalid data URI")
    if not head.endswith(";base64"):
        return unquote_to_bytes(payload)
    try:
        return base64.b64decode(unquote_to_bytes(payload), validate=True)
    except binascii.Error as error:
        raise ModelFailed("Incorrect padding") from error
