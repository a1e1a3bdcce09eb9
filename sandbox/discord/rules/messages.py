"""What a message may say: from a request and what stood there before to what stands there after."""

from typing import Any

from bot.limits import CONTENT_CHARS
from sandbox.discord.errors import EMPTY_MESSAGE, ApiError
from sandbox.discord.rules.components import check_components
from sandbox.discord.rules.embeds import check_embeds
from sandbox.discord.rules.files import Keep, Sent, choose_files
from sandbox.discord.rules.problems import Problems
from sandbox.discord.world.message import (
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    SUPPRESS_EMBEDS,
    SUPPRESS_NOTIFICATIONS,
    Body,
)

SETTABLE = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2
EDITABLE = SUPPRESS_EMBEDS | COMPONENTS_V2
UNSUPPORTED = ("poll", "sticker_ids", "shared_client_theme")


def compose(sent: Sent, before: Body | None, *, limit: int, keep: Keep, ephemeral_ok: bool = False) -> Body:
    """Return what the message says after the request, or raise what Discord says is wrong with it."""
    problems, payload, old = Problems(), sent.payload, before or Body()
    flags = _flags(payload, before, problems, ephemeral_ok=ephemeral_ok)
    content = payload.get("content") if "content" in payload else old.content
    problems.text(content, 0, CONTENT_CHARS, "content")
    embeds = check_embeds(payload.get("embeds"), problems) if "embeds" in payload else old.embeds
    files = choose_files(sent, old.attachments, problems, limit=limit, keep=keep)
    v2 = bool(flags & COMPONENTS_V2)
    raw: Any = payload["components"] if "components" in payload else list(old.components)
    _check_unmixed(problems, v2=v2, content=content, embeds=embeds, payload=payload)
    components = check_components(raw, problems, v2=v2, names={item.filename for item in files})
    _check_unsupported(payload, problems)
    problems.check()
    body = Body(content or "", embeds, components, files, flags)
    if not (body.content or embeds or components or (files and not v2)):
        raise ApiError(EMPTY_MESSAGE)
    return body


def _flags(payload: dict[str, Any], before: Body | None, problems: Problems, *, ephemeral_ok: bool) -> int:
    wanted = payload.get("flags")
    if wanted is None:
        return before.flags & ~LOADING if before else 0
    if not problems.whole(wanted, 0, (1 << 31) - 1, "flags"):
        return 0
    if before is None:
        return int(wanted & (SETTABLE | (EPHEMERAL if ephemeral_ok else 0)))
    if before.flags & COMPONENTS_V2 and not wanted & COMPONENTS_V2:
        words = "The IS_COMPONENTS_V2 flag cannot be removed from a message"
        problems.add("MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG", words, "flags")
    return int((before.flags & ~EDITABLE & ~LOADING) | (wanted & EDITABLE))


def _check_unmixed(problems: Problems, *, v2: bool, content: Any, embeds: Any, payload: dict[str, Any]) -> None:
    if not v2:
        return
    for key, value in (("content", content), ("embeds", embeds), ("poll", payload.get("poll"))):
        if value:
            words = f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            problems.add("MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", words, key)


def _check_unsupported(payload: dict[str, Any], problems: Problems) -> None:
    for key in UNSUPPORTED:
        if payload.get(key):
            problems.add("SANDBOX_UNSUPPORTED", f"The stand-in does not have '{key}'.", key)
