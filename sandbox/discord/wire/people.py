"""Users, members, roles and the application, in Discord's JSON."""

from typing import Any

from sandbox.discord.world.application import Application
from sandbox.discord.world.guild import Guild, Member, Role
from sandbox.discord.world.user import User

Json = dict[str, Any]


def user(who: User) -> Json:
    """Return a user as others see them."""
    return {
        "id": str(who.id),
        "username": who.username,
        "global_name": who.global_name,
        "discriminator": "0000" if who.bot else "0",
        "avatar": who.avatar_hash,
        "avatar_decoration_data": None,
        "banner": None,
        "accent_color": None,
        "collectibles": None,
        "primary_guild": None,
        "public_flags": 0,
        "flags": 0,
        "bot": who.bot,
    }


def self_user(who: User) -> Json:
    """Return a user as they see themselves."""
    return {**user(who), "mfa_enabled": False, "locale": "en-US", "premium_type": who.premium, "verified": True}


def member(who: Member, *, with_user: bool = True) -> Json:
    """Return a member; ``with_user`` is off in events that carry the user beside it."""
    data: Json = {
        "nick": who.nick,
        "avatar": None,
        "banner": None,
        "roles": [str(role.id) for role in who.roles],
        "joined_at": who.joined_at.isoformat(),
        "premium_since": None,
        "communication_disabled_until": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
    }
    if with_user:
        data["user"] = user(who.user)
    return data


def role(what: Role) -> Json:
    """Return a role."""
    data: Json = {
        "id": str(what.id),
        "name": what.name,
        "description": None,
        "permissions": str(int(what.permissions)),
        "position": what.position,
        "color": what.colour,
        "colors": {"primary_color": what.colour, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": what.managed,
        "mentionable": what.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if what.bot_id is not None:
        data["tags"] = {"bot_id": str(what.bot_id)}
    return data


def application(what: Application, *, guilds: int) -> Json:
    """Return the application as its owner's token sees it."""
    return {
        "id": str(what.id),
        "name": what.name,
        "icon": None,
        "description": what.description,
        "type": None,
        "bot": user(what.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": _application_flags(what),
        "flags_new": str(_application_flags(what)),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "event_webhooks_url": None,
        "owner": user(what.owner),
        "approximate_guild_count": guilds,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": [],
        "team": None,
        "integration_types_config": {"0": {}, "1": {}},
    }


def _application_flags(what: Application) -> int:
    limited = {1 << 8: 1 << 13, 1 << 1: 1 << 15, 1 << 15: 1 << 19}  # intent bit -> GATEWAY_*_LIMITED flag
    return sum(flag for intent, flag in limited.items() if what.privileged & intent)


def member_of(guild: Guild | None, who: User) -> Member | None:
    """Return ``who`` as a member of ``guild``, if there is one and they are."""
    return guild.members.get(who.id) if guild is not None else None
