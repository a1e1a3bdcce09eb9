"""Permissions in a channel, computed from roles and overwrites (topics/permissions)."""

from enum import IntFlag

from sandbox.discord.state.models import Channel, ChannelType, Guild, Member, User


class Permission(IntFlag):
    """The permissions that the stand-in checks, with Discord's bits."""

    ADMINISTRATOR = 1 << 3
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CHANGE_NICKNAME = 1 << 26
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    MODERATE_MEMBERS = 1 << 40
    USE_EXTERNAL_APPS = 1 << 50


P = Permission
NO_PERMISSIONS = Permission(0)
ALL_PERMISSIONS = Permission((1 << 51) - 1)
DEFAULT_PERMISSIONS = (
    P.ADD_REACTIONS
    | P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_MESSAGE_HISTORY
    | P.USE_EXTERNAL_EMOJIS
    | P.CHANGE_NICKNAME
    | P.USE_APPLICATION_COMMANDS
    | P.CREATE_PUBLIC_THREADS
    | P.SEND_MESSAGES_IN_THREADS
    | P.USE_EXTERNAL_APPS
)
# What everyone has in a DM.
PRIVATE_CHANNEL_PERMISSIONS = DEFAULT_PERMISSIONS | P.MENTION_EVERYONE
# What an app has where it is not a member (receiving-and-responding: ``app_permissions``).
USER_INSTALL_PERMISSIONS = P.ATTACH_FILES | P.EMBED_LINKS | P.MENTION_EVERYONE


def base_permissions(guild: Guild, member: Member) -> Permission:
    """Return what ``member``'s roles allow in the whole guild."""
    if member.user.id == guild.owner_id:
        return ALL_PERMISSIONS
    permissions = Permission(guild.everyone.permissions)
    for role in member.roles:
        permissions |= Permission(role.permissions)
    return ALL_PERMISSIONS if permissions & P.ADMINISTRATOR else permissions


def permissions_in(channel: Channel, user: User) -> Permission:
    """Return what ``user`` may do in ``channel``; nothing where they are not a member."""
    guild = channel.guild
    if guild is None:
        return PRIVATE_CHANNEL_PERMISSIONS if user in channel.recipients else NO_PERMISSIONS
    member = guild.members.get(user.id)
    if member is None:
        return NO_PERMISSIONS
    permissions = base_permissions(guild, member)
    if permissions & P.ADMINISTRATOR or user.id == guild.owner_id:
        return ALL_PERMISSIONS
    parent = channel.parent if channel.is_thread and channel.parent else channel
    permissions = _apply_overwrites(permissions, parent, guild, member)
    if (
        channel.type is ChannelType.PRIVATE_THREAD
        and user not in channel.recipients
        and not permissions & P.MANAGE_THREADS
    ):
        return NO_PERMISSIONS
    return permissions if permissions & P.VIEW_CHANNEL else NO_PERMISSIONS


def send_permission(channel: Channel) -> Permission:
    """Return the permission needed to send messages in ``channel``."""
    return P.SEND_MESSAGES_IN_THREADS if channel.is_thread else P.SEND_MESSAGES


def _apply_overwrites(permissions: Permission, channel: Channel, guild: Guild, member: Member) -> Permission:
    everyone = channel.overwrites.get(guild.id)
    if everyone is not None:
        permissions = (permissions & ~Permission(everyone.deny)) | Permission(everyone.allow)
    denied = allowed = 0
    for role in member.roles:
        if role.id in channel.overwrites:
            denied |= channel.overwrites[role.id].deny
            allowed |= channel.overwrites[role.id].allow
    permissions = (permissions & ~Permission(denied)) | Permission(allowed)
    own = channel.overwrites.get(member.user.id)
    if own is not None:
        permissions = (permissions & ~Permission(own.deny)) | Permission(own.allow)
    return permissions
