"""Embeds: what Discord accepts in them (resources/message#embed-object-embed-limits)."""

from typing import Any

from sandbox.discord.rules.problems import Problems

MAX_EMBEDS = 10
MAX_TOTAL = 6000
LENGTHS = {"title": 256, "description": 4096}
NESTED = {("footer", "text"): 2048, ("author", "name"): 256}


def check_embeds(embeds: Any, problems: Problems) -> tuple[dict[str, Any], ...]:
    """Return the embeds, noting what is wrong with them."""
    total = 0
    found = problems.objects(embeds, 0, MAX_EMBEDS, "embeds")
    for number, embed in enumerate(found):
        total += _check_embed(embed, problems, number)
    if total > MAX_TOTAL:
        problems.add("MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {MAX_TOTAL}", "embeds")
    return tuple(found)


def _check_embed(embed: dict[str, Any], problems: Problems, number: int) -> int:
    total = 0
    for key, high in LENGTHS.items():
        problems.text(embed.get(key), 0, high, "embeds", number, key)
        total += len(str(embed.get(key) or ""))
    for (key, inner), high in NESTED.items():
        text = problems.object(embed.get(key), "embeds", number, key).get(inner)
        problems.text(text, 0, high, "embeds", number, key, inner)
        total += len(str(text or ""))
    for key in ("image", "thumbnail"):
        problems.text(problems.object(embed.get(key), "embeds", number, key).get("url"), 0, 2048, "embeds", number, key)
    for index, item in enumerate(problems.objects(embed.get("fields"), 0, 25, "embeds", number, "fields")):
        problems.text(item.get("name"), 1, 256, "embeds", number, "fields", index, "name")
        problems.text(item.get("value"), 1, 1024, "embeds", number, "fields", index, "value")
        total += len(str(item.get("name", ""))) + len(str(item.get("value", "")))
    return total
