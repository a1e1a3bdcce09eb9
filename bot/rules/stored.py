"""The rules of a server as JSON, as they are stored. Anything that cannot be read counts as not set."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from bot.limits import (
    GALLERY_STARS_MAX,
    REFUSED_WORD_CHARS,
    REFUSED_WORDS,
    ROLE_LIMIT_MAX,
    ROLES_WITH_LIMITS,
    RULE_PLACES,
    SERVER_COMMAND_RULES,
)
from bot.rules.server_rules import CommandRule, Delivery, LogLine, RoleLimits, ServerRules

Json = dict[str, Any]
E = TypeVar("E", Delivery, LogLine)

_DEFAULT: Final = ServerRules()


def rules_to_json(rules: ServerRules) -> Json:
    """Return the rules as JSON; what is as in a server without rules is left out."""
    stored: Json = {
        "commands": {name: _command_to_json(rule) for name, rule in sorted(rules.commands.items())},
        "limits": {str(role): _limits_to_json(limits) for role, limits in sorted(rules.limits.items())},
        "delivery": rules.delivery.value,
        "spoiler": rules.spoiler,
        "refused_words": list(rules.refused_words),
        "checker": rules.checker,
        "gallery_channel_id": rules.gallery_channel_id,
        "gallery_stars": rules.gallery_stars,
        "log_channel_id": rules.log_channel_id,
        "log_lines": sorted(line.value for line in rules.log_lines),
        "log_prompts": rules.log_prompts,
    }
    return stored if rules is _DEFAULT else _leave_out_equal(stored, rules_to_json(_DEFAULT))


def rules_from_json(stored: object) -> ServerRules:
    """Return the rules of what was stored, by this version or another."""
    values = stored if isinstance(stored, Mapping) else {}
    lines = values.get("log_lines")
    return ServerRules(
        commands=_read_map(values.get("commands"), str, _read_command, most=SERVER_COMMAND_RULES),
        limits=_read_map(values.get("limits"), _to_id, _read_limits, most=ROLES_WITH_LIMITS),
        delivery=_read_member(Delivery, values.get("delivery")) or _DEFAULT.delivery,
        spoiler=values.get("spoiler") is True,
        refused_words=tuple(
            word[:REFUSED_WORD_CHARS] for word in _items(values.get("refused_words"), REFUSED_WORDS) if _is_text(word)
        ),
        checker=values["checker"] if _is_text(values.get("checker")) else None,
        gallery_channel_id=_to_id(values.get("gallery_channel_id")),
        gallery_stars=_to_number(values.get("gallery_stars"), low=1, high=GALLERY_STARS_MAX) or _DEFAULT.gallery_stars,
        log_channel_id=_to_id(values.get("log_channel_id")),
        log_lines=_DEFAULT.log_lines
        if not isinstance(lines, list)
        else frozenset(filter(None, (_read_member(LogLine, line) for line in lines))),
        log_prompts=values.get("log_prompts") is True,
    )


def _command_to_json(rule: CommandRule) -> Json:
    return {
        "enabled": rule.enabled,
        "channels": sorted(rule.channels),
        "roles": sorted(rule.roles),
        "age_restricted": rule.age_restricted,
    }


def _limits_to_json(limits: RoleLimits) -> Json:
    stored = {
        "at_once": limits.at_once,
        "per_day": limits.per_day,
        "month_micro_dollars": limits.month_micro_dollars,
        "outputs": limits.outputs,
    }
    return {name: value for name, value in stored.items() if value is not None}


def _read_command(stored: object) -> CommandRule | None:
    if not isinstance(stored, Mapping):
        return None
    return CommandRule(
        enabled=stored.get("enabled") is not False,
        channels=_read_ids(stored.get("channels")),
        roles=_read_ids(stored.get("roles")),
        age_restricted=stored.get("age_restricted") is True,
    )


def _read_limits(stored: object) -> RoleLimits | None:
    if not isinstance(stored, Mapping):
        return None
    limits = RoleLimits(
        at_once=_to_number(stored.get("at_once")),
        per_day=_to_number(stored.get("per_day")),
        month_micro_dollars=_to_number(stored.get("month_micro_dollars"), high=ROLE_LIMIT_MAX * 1_000_000),
        outputs=_to_number(stored.get("outputs")),
    )
    return None if limits.is_empty else limits


K = TypeVar("K")
V = TypeVar("V")


def _read_map(
    stored: object, read_key: Callable[[str], K | None], read: Callable[[object], V | None], *, most: int
) -> dict[K, V]:
    entries = list(stored.items())[:most] if isinstance(stored, Mapping) else []
    found = ((read_key(str(key)), read(value)) for key, value in entries)
    return {key: value for key, value in found if key is not None and value is not None}


def _read_ids(stored: object) -> frozenset[int]:
    return frozenset(filter(None, (_to_id(item) for item in _items(stored, RULE_PLACES))))


def _read_member(kind: type[E], stored: object) -> E | None:
    return next((member for member in kind if member.value == stored), None)


def _items(stored: object, most: int) -> Iterable[Any]:
    return stored[:most] if isinstance(stored, list) else ()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _to_id(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 63 else None


def _to_number(value: object, *, low: int = 0, high: int = ROLE_LIMIT_MAX) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def _leave_out_equal(stored: Json, default: Json) -> Json:
    return {name: value for name, value in stored.items() if value != default[name]}
