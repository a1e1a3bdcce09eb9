"""Webhooks are accepted only if Replicate signed them within five minutes."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from bot.backends.errors import ForgedWebhook, InvalidResponse, StaleWebhook, WebhookRejected
from bot.backends.replicate.webhooks import WebhookVerifier, sign_delivery
from tests.backends.replicate.fake_server import FakeServer, json_response
from tests.backends.replicate.webhook_signing import SECRET, sign, signed_headers
from tests.clock import VirtualClock

NOW = 1_767_225_600
CLOCK = VirtualClock(datetime.fromtimestamp(NOW, UTC))
VERIFIER = WebhookVerifier(SECRET, CLOCK)
BODY = '{"id": "x", "output": "Füchse 🦊"}'.encode()


def verify(headers: Mapping[str, str], body: bytes, verifier: WebhookVerifier = VERIFIER) -> None:
    """Verify a delivery whose body arrives in two parts."""
    verification = verifier.begin(headers)
    verification.update(body[:10])
    verification.update(body[10:])
    verification.finish()


def test_a_signed_webhook_is_accepted() -> None:
    verify(signed_headers(BODY, at=NOW), BODY)


def test_the_test_vector_of_replicates_clients_is_accepted() -> None:
    # Public test data of replicate-python and replicate-javascript.
    body = b'{"test": 2432232314}'
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(body, at=1614265330, id="msg_p5jXN8AQM9LWM0D4loKWxJek", key=key)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    then = VirtualClock(datetime.fromtimestamp(1614265330, UTC))
    verify(headers, body, WebhookVerifier("whsec_" + base64.b64encode(key).decode(), then))


def test_a_signature_made_by_the_library_is_accepted() -> None:
    signature = Webhook(SECRET).sign("msg_2", datetime.fromtimestamp(NOW, UTC), BODY.decode())
    headers = {"webhook-id": "msg_2", "webhook-timestamp": str(NOW), "webhook-signature": signature}
    verify(headers, BODY)


def test_one_valid_signature_among_several_is_enough() -> None:
    headers = signed_headers(BODY, at=NOW)
    others = sign(BODY, at=NOW, key=b"the key before")
    headers["webhook-signature"] = f"v2,abc {others} nonsense {headers['webhook-signature']}"
    verify(headers, BODY)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-id": "m" * 200},
        {"webhook-id": "\udc80"},
        {"webhook-timestamp": str(NOW + 1)},
        {"webhook-timestamp": f"{NOW}.0"},
        {"webhook-timestamp": f"+{NOW}"},
        {"webhook-timestamp": "١٧٦٧٢٢٥٦٠٠"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,ünlesbar"},
        {"webhook-signature": sign(BODY, at=NOW, key=b"another account's")},
        {"webhook-signature": sign(BODY, at=NOW).replace("v1,", "v1a,")},
        {"webhook-signature": sign(BODY, at=NOW).removeprefix("v1,")},
    ],
)
def test_changed_headers_raise_forged(change: dict[str, str]) -> None:
    with pytest.raises(ForgedWebhook):
        verify({**signed_headers(BODY, at=NOW), **change}, BODY)


def test_a_signature_of_ours_is_the_librarys() -> None:
    ours = sign_delivery(SECRET, delivery_id="msg_3", timestamp=NOW, body=BODY)
    assert ours == Webhook(SECRET).sign("msg_3", datetime.fromtimestamp(NOW, UTC), BODY.decode())


def test_headers_alone_are_refused_before_the_body() -> None:
    with pytest.raises(ForgedWebhook):
        VERIFIER.begin(signed_headers(BODY, at=NOW) | {"webhook-signature": "v1,short"})


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY[:-1], b"\xff\xfe"])
def test_a_changed_body_raises_forged(body: bytes) -> None:
    with pytest.raises(ForgedWebhook):
        verify(signed_headers(BODY, at=NOW), body)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_raises_forged(missing: str) -> None:
    headers = signed_headers(BODY, at=NOW)
    del headers[missing]
    with pytest.raises(ForgedWebhook):
        verify(headers, BODY)


@pytest.mark.parametrize("away", [-300, -299, 0, 299, 300])
def test_a_timestamp_within_five_minutes_is_accepted(away: int) -> None:
    verify(signed_headers(BODY, at=NOW + away), BODY)


@pytest.mark.parametrize("away", [-301, 301, -(10**6), 10**6])
def test_a_timestamp_beyond_five_minutes_raises_stale(away: int) -> None:
    with pytest.raises(StaleWebhook):
        verify(signed_headers(BODY, at=NOW + away), BODY)


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=40)),
    st.binary(max_size=40),
)
def test_arbitrary_headers_and_bodies_are_rejected(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookRejected):
        verify(headers, body)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_ä", "whsec_A"])
def test_an_invalid_secret_raises_invalid_response(secret: str) -> None:
    with pytest.raises(InvalidResponse):
        WebhookVerifier(secret, CLOCK)


async def test_the_secret_is_requested() -> None:
    server = FakeServer(json_response({"key": SECRET}))
    assert await server.replicate.webhooks.get_secret() == SECRET
    assert server.requests[0].url.path == "/v1/webhooks/default/secret"


@pytest.mark.parametrize("answer", [{}, {"key": None}, {"key": ""}, {"key": 5}])
async def test_a_response_without_a_secret_raises(answer: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponse):
        await FakeServer(json_response(answer)).replicate.webhooks.get_secret()


def test_the_secret_is_not_in_the_repr() -> None:
    assert SECRET not in repr(VERIFIER)
