"""Secrets are removed from text in every form; other text stays as it is."""

import io
import json
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.limits import LOG_CHARS_WRITTEN
from bot.observability.logs import REDACTED, Redactor, configure_logging

# Has the characters of a secret and is plainly none.
PIECE = "notarealsecret0123456789"
BOT_TOKEN = f"{PIECE}.abcdef.{PIECE}abcdefgh"
REDACT = Redactor()

LEAKS = [
    f"r8_{PIECE}",
    f"Authorization: Bearer {PIECE}",
    f"{{'Authorization': 'Bot {PIECE}'}}",
    f"Bearer {PIECE}",
    f"whsec_{PIECE}",
    f"logging in with {BOT_TOKEN} now",
    f"{{'op': 2, 'd': {{'token': '{PIECE}', 'intents': 1}}}}",
    f'{{"token":"{PIECE}"}}',
    json.dumps({"event": f'{{"token": "{PIECE}"}}'}),
    f"REPLICATE_API_TOKEN={PIECE}",
    f"client_secret: {PIECE}",
    f"openai_key='{PIECE}'",
    f'"openaiApiKey": "{PIECE}"',
    f"credentials={PIECE}",
    f"event=value huggingface_token={PIECE}",
    f"https://discord.com/api/v10/webhooks/1234567890/{PIECE}/messages/@original",
    f"POST https://discord.com/api/v10/interactions/1234567890/{PIECE}/callback has returned 204",
    f"https://cdn.discordapp.com/attachments/1/2/me.png?ex=1&is=2&hm={PIECE}&",
    f"https://media.discordapp.net/a.png?width=3&amp;hm={PIECE}",
    f"https://api.replicate.com/v1/files/x/download?owner=mia&expiry=1&signature={PIECE}",
    f"https://bucket.example.test/x?X-Amz-Signature={PIECE}&X-Amz-Credential={PIECE}",
    f"https://stream.replicate.com/v1/files/bcwr-{PIECE}",
    f"https://stream-b.svc.us.c.replicate.net/v1/streams/{PIECE}",
    f"https://streaming-api.svc.us.c.replicate.net/v1/predictions/{PIECE}",
    f"http://127.0.0.1:8080/v1/streams/{PIECE}",
    f"GET /v1/files/abcd-{PIECE} HTTP/1.1",
    f"https://replicate.delivery/xezq/{PIECE}/out-0.webp",
    f"(see <https://a.b.replicate.delivery/{PIECE}.png>)",
    f"data:image/png;base64,{PIECE}",
    f"{{'image': 'data:image/svg+xml;charset=utf-8,%3Csvg%3E{PIECE}'}}",
    f"data:;base64,{PIECE}",
    f"postgresql+asyncpg://bot:{PIECE}@db.example.test:5432/bot",
]


@pytest.mark.parametrize("text", LEAKS)
def test_text_like_a_secret_is_removed(text: str) -> None:
    assert PIECE not in REDACT(text)
    assert REDACTED in REDACT(text)


@pytest.mark.parametrize("text", LEAKS)
def test_secrets_inside_json_and_repr_are_removed(text: str) -> None:
    assert PIECE not in REDACT(json.dumps({"event": text, "more": [text]}))
    assert PIECE not in REDACT(repr({"event": text}))


@pytest.mark.parametrize("text", LEAKS)
def test_redaction_is_idempotent(text: str) -> None:
    assert REDACT(REDACT(text)) == REDACT(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ready for Discord. commands=['generate'] recovered=3",
        "POST https://api.replicate.com/v1/predictions/5pcmjq6sfnrmc0cram79p95eg4/cancel 200",
        "https://api.replicate.com/v1/models/fofr/consistent-character/versions/9c77a3c2",
        "https://api.replicate.com/v1/files/5pcmjq6sfnrmc0cram79p95eg4",
        "https://replicate.com/p/5pcmjq6sfnrmc0cram79p95eg4",
        "/webhooks/replicate/0123456789ab",
        "max_tokens=512, output_token_count=17, tokens_per_second=3.5",
        "bot.runs.engine: run 0123456789ab ended",
        "token: None",
        "The data: none came. Bot connected. is=3",
        "sqlite+aiosqlite:///data/replicord.db",
        "2026-01-01T00:00:00.123456Z 127.0.0.1:8080 1.2.3",
    ],
)
def test_text_that_is_no_secret_stays(text: str) -> None:
    assert REDACT(text) == text


def test_a_url_keeps_everything_but_its_signature() -> None:
    redacted = REDACT(f"https://cdn.discordapp.com/attachments/1/2/me.png?ex=1&hm={PIECE} was gone")
    assert redacted == f"https://cdn.discordapp.com/attachments/1/2/me.png?ex={REDACTED}&hm={REDACTED} was gone"


def test_own_secrets_are_removed_word_for_word() -> None:
    redact = Redactor(["hunter2hunter2", "hunter2hunter2-longer", "abc"])
    assert redact("x hunter2hunter2-longer y hunter2hunter2 z abc") == f"x {REDACTED} y {REDACTED} z abc"


def test_own_secrets_are_not_in_the_repr() -> None:
    assert "hunter2" not in repr(Redactor(["hunter2hunter2"]))


@given(st.text(max_size=300))
def test_own_secrets_never_remain_in_any_text(text: str) -> None:
    redact = Redactor([PIECE])
    assert PIECE not in redact(text + PIECE + text)


@pytest.mark.parametrize(
    "line",
    [
        "data:image/png;base64," + "A" * 5_000_000,
        "a-" * 500_000,
        "a." * 500_000,
        "token" * 200_000,
        "https://" * 100_000,
        "data:" * 200_000,
        "x://a:" * 100_000,
        "?hm=" * 100_000,
    ],
    ids=lambda line: line[:8],
)
def test_very_long_lines_are_redacted_in_linear_time(line: str) -> None:
    began = time.process_time()
    REDACT(line)
    assert time.process_time() - began < 3


@pytest.mark.parametrize("leak", [f"r8_{PIECE}", f"whsec_{PIECE}", BOT_TOKEN, f"token={PIECE}", f"Bearer {PIECE}"])
@pytest.mark.parametrize("distance", [0, 5, 12, 30, 200])
def test_a_long_line_is_cut_and_leaks_nothing(leak: str, distance: int) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging(stream=stream, secrets=["a secret of our own"])
        logging.getLogger("a").warning("%s %s%s", "x" * (LOG_CHARS_WRITTEN - distance - 60), leak, "y " * 500_000)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert PIECE[:12] not in stream.getvalue()
    assert LOG_CHARS_WRITTEN // 2 < len(stream.getvalue()) <= LOG_CHARS_WRITTEN + 2
