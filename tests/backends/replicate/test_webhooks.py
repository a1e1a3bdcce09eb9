"""Deliveries are believed when Replicate signed them lately, and never otherwise."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from bot.backends.replicate.errors import ForgedWebhook, InvalidResponse, StaleWebhook, WebhookRejected
from bot.backends.replicate.webhooks import WebhookVerifier
from tests.backends.replicate.fake_server import FarEnd, ok
from tests.backends.replicate.webhook_signing import SECRET, library_clock, sign, signed_headers
from tests.clock import VirtualClock

NOW = 1_767_225_600
CLOCK = VirtualClock(datetime.fromtimestamp(NOW, UTC))
VERIFIER = WebhookVerifier(SECRET, CLOCK)
BODY = '{"id": "x", "output": "Füchse 🦊"}'.encode()


@pytest.fixture(autouse=True, scope="module")
def _library_clock() -> Iterator[None]:
    with library_clock(CLOCK):
        yield


def test_a_signed_delivery_is_believed():
    VERIFIER.verify(signed_headers(BODY, at=NOW), BODY)


def test_the_vector_that_replicates_own_clients_test_with_is_believed():
    # Public test data of replicate-python and replicate-javascript.
    body = b'{"test": 2432232314}'
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(body, at=1614265330, id="msg_p5jXN8AQM9LWM0D4loKWxJek", key=key)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    then = VirtualClock(datetime.fromtimestamp(1614265330, UTC))
    with library_clock(then):
        WebhookVerifier("whsec_" + base64.b64encode(key).decode(), then).verify(headers, body)


def test_what_the_library_signs_is_believed():
    signature = Webhook(SECRET).sign("msg_2", datetime.fromtimestamp(NOW, UTC), BODY.decode())
    headers = {"webhook-id": "msg_2", "webhook-timestamp": str(NOW), "webhook-signature": signature}
    VERIFIER.verify(headers, BODY)


def test_one_good_signature_among_several_is_enough():
    headers = signed_headers(BODY, at=NOW)
    others = sign(BODY, at=NOW, key=b"the key before")
    headers["webhook-signature"] = f"v2,abc {others} nonsense {headers['webhook-signature']}"
    VERIFIER.verify(headers, BODY)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
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
def test_a_delivery_that_was_changed_or_is_not_signed_is_forged(change):
    with pytest.raises(ForgedWebhook):
        VERIFIER.verify({**signed_headers(BODY, at=NOW), **change}, BODY)


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY[:-1], b"\xff\xfe"])
def test_another_body_is_forged(body):
    with pytest.raises(ForgedWebhook):
        VERIFIER.verify(signed_headers(BODY, at=NOW), body)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_forged(missing):
    headers = signed_headers(BODY, at=NOW)
    del headers[missing]
    with pytest.raises(ForgedWebhook):
        VERIFIER.verify(headers, BODY)


@pytest.mark.parametrize("away", [-300, -299, 0, 299, 300])
def test_five_minutes_either_way_are_fresh(away):
    VERIFIER.verify(signed_headers(BODY, at=NOW + away), BODY)


@pytest.mark.parametrize("away", [-301, 301, -(10**6), 10**6])
def test_more_than_five_minutes_either_way_are_stale(away):
    with pytest.raises(StaleWebhook):
        VERIFIER.verify(signed_headers(BODY, at=NOW + away), BODY)


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=40)),
    st.binary(max_size=40),
)
def test_nothing_that_strangers_send_is_believed_or_breaks_the_check(headers, body):
    with pytest.raises(WebhookRejected):
        VERIFIER.verify(headers, body)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_ä", "whsec_A"])
def test_a_secret_that_is_none_is_a_bad_answer(secret):
    with pytest.raises(InvalidResponse):
        WebhookVerifier(secret, CLOCK)


async def test_the_secret_is_asked_for():
    end = FarEnd(ok({"key": SECRET}))
    assert await end.replicate.webhooks.get_secret() == SECRET
    assert end.requests[0].url.path == "/v1/webhooks/default/secret"


@pytest.mark.parametrize("answer", [{}, {"key": None}, {"key": ""}, {"key": 5}])
async def test_an_answer_without_a_secret_is_a_bad_answer(answer):
    with pytest.raises(InvalidResponse):
        await FarEnd(ok(answer)).replicate.webhooks.get_secret()


def test_the_secret_is_not_in_the_repr():
    assert SECRET not in repr(VERIFIER)
