"""Invite: what the bot asks for when it is added to a server, and the addresses that ask for it."""

from typing import Final

import discord

# Discord's name of each permission, and what its own pages call it.
NEEDED: Final = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "embed_links": "Embed Links",
    "attach_files": "Attach Files",
    "read_message_history": "Read Message History",
    "add_reactions": "Add Reactions",
}
PERMISSIONS: Final = discord.Permissions(**dict.fromkeys(NEEDED, True))

_AUTHORIZE = "https://discord.com/oauth2/authorize"


def server_invite(application_id: int) -> str:
    """Return the address at which somebody adds the bot to a server, with the permissions that it needs."""
    scope = "bot+applications.commands"
    return f"{_AUTHORIZE}?client_id={application_id}&scope={scope}&permissions={PERMISSIONS.value}"


def user_invite(application_id: int) -> str:
    """Return the address at which somebody takes the commands along for themselves, wherever they are."""
    return f"{_AUTHORIZE}?client_id={application_id}&integration_type=1&scope=applications.commands"


def missing(held: discord.Permissions) -> tuple[str, ...]:
    """Return which needed permissions are not among those held, as Discord's pages call them."""
    return tuple(words for name, words in NEEDED.items() if not getattr(held, name))
