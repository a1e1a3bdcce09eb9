"""Webhook signatures as the Standard Webhooks specification describes them, without the library that the bot uses."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo

import pytest
import standardwebhooks.webhooks

from bot.clock import Clock

KEY = b"a key of this test suite"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def sign(body: bytes, *, at: int, id: str = "msg_1", key: bytes = KEY) -> str:  # noqa: A002 - the header's word
    digest = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signed_headers(
    body: bytes,
    *,
    at: int,
    id: str = "msg_1",  # noqa: A002 - the header's word
    key: bytes = KEY,
) -> dict[str, str]:
    """Return the headers of a webhook signed at the Unix time ``at``."""
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(body, at=at, id=id, key=key),
    }


@contextmanager
def library_clock(clock: Clock) -> Iterator[None]:
    """Let the library read this clock: it compares timestamps with the machine's time and takes no other."""

    class ClockDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "ClockDatetime":
            return cls.fromtimestamp(clock.now().timestamp(), tz)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standardwebhooks.webhooks, "datetime", ClockDatetime)
        yield
