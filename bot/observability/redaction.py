"""Redaction: text that may be written down, made of text that may hold secrets.

It works on whole lines as they are about to be written, because secrets come by every road: in arguments, in the
text of an exception, in what discord.py or httpx log about their requests. It knows what the secrets of our two
services look like, and the bot's own secrets word for word. What it takes out becomes "…".
"""

import re
from collections.abc import Collection, MutableMapping
from typing import Any, Final

from bot.secrets import is_secret_name

GONE: Final = "…"
_SHORTEST_SECRET: Final = 6
_END = r"""\s"'<>\\|)}\]"""  # what ends a URL or a word, also inside JSON and Python literals

_SIGNED = "ex|is|hm|sig|signature|expiry|expires|policy|key|token|access_token|x-(?:amz|goog)-[a-z-]+"
# Everything before a secret is bounded, so that no line, however long, takes more than a moment.
_PATTERNS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # Data URIs: a person's own picture, and very long.
        (rf"\b(data:[\w.+-]{{0,60}}/?[\w.+-]{{0,60}}(?:;[^,{_END}]{{0,100}})?,)[^{_END}]+", rf"\1{GONE}"),
        # Interaction and webhook tokens stand in the path: whoever has one may post.
        (rf"((?:/webhooks|/interactions)/\d+/)[^/?#{_END}]+", rf"\1{GONE}"),
        # Stream URLs are capabilities, on hosts that change; outputs are private files without a lock.
        (rf"(https?://[\w.-]{{0,200}}\bstream(?:ing)?[\w.-]{{0,200}}(?::\d+)?/)[^{_END}]+", rf"\1{GONE}"),
        (rf"(/v1/(?:streams|files)/)(?=[^/{_END}]*-)[^{_END}]+", rf"\1{GONE}"),
        (rf"(/v1/streams/)[^{_END}]+", rf"\1{GONE}"),
        (rf"(https?://(?:[\w-]+\.)*replicate\.delivery/)[^{_END}]+", rf"\1{GONE}"),
        # Signatures and the like in any query.
        (rf"([?&;](?:{_SIGNED})=)[^&#;{_END}]+", rf"\1{GONE}"),
        # Passwords in URLs (a database's).
        (r"(\b[a-z][a-z0-9+.-]{0,30}://[^:/@\s]{0,100}:)[^@/\s]+(?=@)", rf"\1{GONE}"),
        (r"(\bbearer\s+)[\w.~+/=-]{6,}", rf"\1{GONE}"),
        # The secrets themselves, wherever they stand: Replicate's, its webhooks', Discord's.
        (r"\br8_\w{6,}", GONE),
        (r"\bwhsec_[\w+/=-]{6,}", GONE),
        (r"\b[\w-]{18,30}\.[\w-]{6,7}\.[\w-]{27,}", GONE),
    )
)
# "authorization: Bot x", 'token': 'x', password=x; the name decides whether the value is a secret.
_NAME: Final = re.compile(
    r"(?<![\w-])(?P<name>[A-Za-z_][\w-]{0,200})\\*[\"']?\s*[:=]\s*(?:b?\\*[\"'])?(?:(?:bearer|bot|token|basic)\s+)?",
    re.IGNORECASE,
)
_VALUE: Final = re.compile(rf"(?!None\b|null\b)[^,;&{_END}]+")


class Redactor:
    """Takes secrets out of text.

    ``secrets`` are known ones, taken out word for word; the patterns above find the others. It may take out too
    much, never too little.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __repr__(self) -> str:
        return "Redactor()"

    def __call__(self, text: str) -> str:
        """Return the text without its secrets; twice is the same as once."""
        if self._known is not None:
            text = self._known.sub(GONE, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return _hide_named_values(text)


def _hide_named_values(text: str) -> str:
    kept: list[str] = []
    end = 0
    for found in _NAME.finditer(text):
        if found.end() >= end and is_secret_name(found["name"]) and (value := _VALUE.match(text, found.end())):
            kept += [text[end : found.end()], GONE]
            end = value.end()
    return "".join([*kept, text[end:]])


def hide_by_name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide the values that are logged under a secret's name (a structlog processor)."""
    for name in event:
        if is_secret_name(name) and event[name] is not None:
            event[name] = GONE
    return event
