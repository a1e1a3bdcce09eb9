"""Mentions: whom a text names, whom it may ring, and whom it rings (resources/message#allowed-mentions-object)."""

import re
from dataclasses import dataclass
from typing import Any

from sandbox.discord.rules.problems import Problems
from sandbox.discord.world.channel import Channel
from sandbox.discord.world.message import SUPPRESS_NOTIFICATIONS, Body, Message
from sandbox.discord.world.permissions import Permission, permissions_in
from sandbox.discord.world.user import User

USER = re.compile(r"<@!?(\d{1,20})>")
ROLE = re.compile(r"<@&(\d{1,20})>")
EVERYONE = re.compile(r"@(?:everyone|here)\b")
ALL_KINDS = frozenset({"users", "roles", "everyone"})


@dataclass(frozen=True, slots=True)
class Mentions:
    """Who is mentioned, and the ids of those whose client rings."""

    users: tuple[User, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False
    pinged: frozenset[int] = frozenset()


def check_allowed(allowed: Any) -> None:
    """Raise when ``allowed_mentions`` contradicts itself."""
    problems = Problems()
    if problems.object(allowed, "allowed_mentions"):
        parse = problems.items(allowed.get("parse"), 0, 3, "allowed_mentions", "parse")
        for number, kind in enumerate(parse):
            problems.one_of(kind, ALL_KINDS, "allowed_mentions", "parse", number)
        for kind in ("users", "roles"):
            named = problems.items(allowed.get(kind), 0, 100, "allowed_mentions", kind)
            for number, id_ in enumerate(named):
                problems.snowflake(id_, "allowed_mentions", kind, number)
            if named and kind in parse:
                words = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
                problems.add("MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", words, "allowed_mentions")
    problems.check()


def read_mentions(
    body: Body, channel: Channel, author: User, allowed: dict[str, Any] | None, *, default: frozenset[str] = ALL_KINDS
) -> Mentions:
    """Return whom ``body`` mentions and rings; ``default`` is what may ring when nothing was said about it."""
    rules = {"parse": sorted(default)} if allowed is None else allowed
    kinds = frozenset(rules.get("parse") or ())
    people = {who.id: who for who in _audience(channel)}
    users = [int(id_) for id_ in dict.fromkeys(USER.findall(body.text))]
    wanted_users = {int(id_) for id_ in rules.get("users") or ()}
    users = [id_ for id_ in users if id_ in people and ("users" in kinds or id_ in wanted_users)]
    rights = permissions_in(channel, author)
    roles = _roles(body.text, channel, rights, rules, kinds)
    everyone = "everyone" in kinds and bool(rights & Permission.MENTION_EVERYONE and EVERYONE.search(body.text))
    pinged = set(people) if everyone else set(users)
    if channel.guild is not None:
        members = channel.guild.members.values()
        pinged |= {one.user.id for one in members if any(role.id in roles for role in one.roles)}
    if body.flags & SUPPRESS_NOTIFICATIONS:
        pinged = set()
    return Mentions(tuple(people[id_] for id_ in users), roles, everyone, frozenset(pinged - {author.id}))


def replied(mentions: Mentions, origin: Message | None, allowed: dict[str, Any] | None) -> Mentions:
    """Return the mentions of a reply: its author is rung unless the reply says otherwise."""
    if origin is None or (allowed is not None and not allowed.get("replied_user", False)):
        return mentions
    users = tuple(dict.fromkeys((*mentions.users, origin.author)))
    return Mentions(users, mentions.roles, mentions.everyone, mentions.pinged | {origin.author.id})


def _audience(channel: Channel) -> list[User]:
    if channel.guild is None:
        return channel.recipients
    return [one.user for one in channel.guild.members.values()]


def _roles(
    text: str, channel: Channel, rights: Permission, rules: dict[str, Any], kinds: frozenset[str]
) -> tuple[int, ...]:
    if channel.guild is None:
        return ()
    wanted = {int(id_) for id_ in rules.get("roles") or ()}
    found = [channel.guild.roles.get(int(id_)) for id_ in dict.fromkeys(ROLE.findall(text))]
    return tuple(
        role.id
        for role in found
        if role is not None
        and (role.mentionable or rights & Permission.MENTION_EVERYONE)
        and ("roles" in kinds or role.id in wanted)
    )
