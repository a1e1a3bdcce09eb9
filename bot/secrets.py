"""The one rule that says which names stand for secrets: tokens, keys, passwords and the like.

Names come from model schemas, JSON values and log lines, in any style: ``hf_token``, ``openaiApiKey``, ``X-API-Key``.
When in doubt a name counts as a secret: hiding a harmless value costs less than showing a credential.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

MASK: Final = "•••"

_NAME_CHARS: Final = 200  # of a name that is read: names come from models too, and a cache remembers them

# Whole words that make any name secret, and parts of words that do ("dbpassword", "clientsecret").
_SECRET_WORDS: Final = frozenset({"authorization", "bearer", "cookie", "cookies", "jwt", "passcode", "pwd", "secrets"})
_SECRET_PARTS: Final = re.compile(r"passw(?:or)?d|passphrase|credential|secret$")

# Words before "key" or "token" that name a service or a use of credentials; they decide plural and inner words too.
_CREDENTIAL_WORDS: Final = frozenset(
    {
        "access", "anthropic", "api", "app", "auth", "aws", "azure", "bot", "civitai", "client", "cohere", "deepgram",
        "deepseek", "discord", "elevenlabs", "fal", "gemini", "github", "gitlab", "google", "groq", "hf", "huggingface",
        "hugging", "face", "id", "kaggle", "mistral", "oauth", "openai", "openrouter", "personal", "private", "refresh",
        "replicate", "secret", "security", "serper", "service", "session", "signing", "ssh", "stability", "tavily",
        "together", "user", "wandb", "webhook", "xai",
    }
)  # fmt: skip

# Words before a final "key" or "token" that show it is a musical key, a sort key, a special token of a tokenizer, …
_HARMLESS_BEFORE_KEY: Final = frozenset(
    {
        "cache", "chroma", "color", "colour", "column", "dictionary", "foreign", "group", "hot", "index", "input",
        "json", "minor", "major", "musical", "music", "object", "original", "output", "primary", "public", "root",
        "song", "sort", "target",
    }
)  # fmt: skip
_HARMLESS_BEFORE_TOKEN: Final = frozenset(
    {
        "begin", "bos", "class", "cls", "concept", "end", "eos", "first", "image", "input", "instance", "last", "mask",
        "max", "maximum", "min", "minimum", "new", "next", "num", "number", "output", "pad", "per", "placeholder",
        "prompt", "sep", "special", "start", "stop", "style", "subject", "text", "trigger", "unk", "unknown",
    }
)  # fmt: skip

# Parameters of web addresses that sign them: Discord's, Google's, Amazon's, Azure's.
_SIGNATURE_NAMES: Final = frozenset(
    {"hm", "sig", "sign", "signature", "se", "sp", "sv", "policy", "x-amz-signature", "x-goog-signature"}
)
_SECRET_VALUE_CHARS: Final = 20  # as many letters are more than a name, a size or a page
_WEB_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'`]+", re.IGNORECASE)

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[\W_]+")
_TRAILING_NUMBER: Final = re.compile(r"(?<!\d)\d+$")
_JOINED: Final = re.compile(rf"({'|'.join(sorted(_CREDENTIAL_WORDS))})(keys?|tokens?)")


def is_secret_name(name: str) -> bool:
    """Return whether a value of this name is a credential. Of a very long one, both ends are read."""
    return _is_secret(name if len(name) <= _NAME_CHARS else f"{name[: _NAME_CHARS // 2]} {name[-_NAME_CHARS // 2 :]}")


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    words = _words(name)
    if any(word in _SECRET_WORDS or _SECRET_PARTS.search(word) for word in words):
        return True
    if words[-1:] == ["auth"]:
        return True
    for before, word in zip(["", *words], words, strict=False):
        if word in ("key", "keys", "token", "tokens", "pat") and before in _CREDENTIAL_WORDS:
            return True
    last, before = (words or [""])[-1], (words[-2] if len(words) > 1 else "")
    if last == "key":
        return before not in _HARMLESS_BEFORE_KEY
    return last == "token" and before not in _HARMLESS_BEFORE_TOKEN


def is_secret_schema(schema: Mapping[str, Any]) -> bool:
    """Return whether a property's JSON schema says that its value is a credential."""
    return schema.get("format") == "password" or schema.get("writeOnly") is True or schema.get("x-cog-secret") is True


def contains_secret(value: Any) -> bool:
    """Return whether a JSON value has a secret name at any depth."""
    if isinstance(value, Mapping):
        return any(is_secret_name(str(name)) or contains_secret(inner) for name, inner in value.items())
    return isinstance(value, list | tuple) and any(map(contains_secret, value))


def is_private_url(url: str) -> bool:
    """Return whether a web address opens what is not public: it has a password, a signature or another long secret."""
    try:
        parts = urlsplit(url)
        parameters = parse_qsl(f"{parts.query}&{parts.fragment}", keep_blank_values=True)
    except ValueError:
        return True
    return "@" in parts.netloc or any(
        len(value) >= _SECRET_VALUE_CHARS or is_secret_name(name) or name.lower() in _SIGNATURE_NAMES
        for name, value in parameters
    )


def contains_private_url(value: Any) -> bool:
    """Return whether a text in a JSON value, at any depth, has a private web address in it."""
    if isinstance(value, str):
        return any(is_private_url(found) for found in _WEB_ADDRESS.findall(value))
    if isinstance(value, Mapping):
        value = value.values()
    return isinstance(value, Iterable) and any(map(contains_private_url, value))


def mask_secrets(value: Any) -> Any:
    """Return a JSON value with the value of every secret name replaced by dots."""
    if isinstance(value, Mapping):
        return {
            name: MASK if is_secret_name(str(name)) and inner is not None else mask_secrets(inner)
            for name, inner in value.items()
        }
    return [mask_secrets(inner) for inner in value] if isinstance(value, list | tuple) else value


def _words(name: str) -> list[str]:
    """Return the lower-case words of a name, without a number at its end: "openaiApiKey2" is openai, api, key."""
    plain = unicodedata.normalize("NFKC", name).strip()
    words = [word.lower() for word in _SEPARATORS.split(_CAMEL.sub("_", plain)) if word]
    split: list[str] = []
    for word in words:
        plain_word = _TRAILING_NUMBER.sub("", word)
        joined = _JOINED.fullmatch(plain_word)  # "apikey", "hftoken"; not "monkey", "keywords", "tokenizer"
        split += joined.groups() if joined else [plain_word]
    return [word for word in split if word]
