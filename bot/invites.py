"""The permissions that the bot needs, and the URLs that invite it with them."""

import base64
import binascii
import re
from typing import Final

import discord

# The API's name of each permission, and its name in Discord's client.
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

_ID: Final = re.compile(r"[1-9][0-9]{14,19}", re.ASCII)
_AUTHORIZE = "https://discord.com/oauth2/authorize"


def server_invite(application_id: int) -> str:
    """Return the URL that adds the bot to a server with the permissions it needs."""
    scope = "bot+applications.commands"
    return f"{_AUTHORIZE}?client_id={application_id}&scope={scope}&permissions={PERMISSIONS.value}"


def user_invite(application_id: int) -> str:
    """Return the URL that installs the commands for one user, in every server and chat."""
    return f"{_AUTHORIZE}?client_id={application_id}&integration_type=1&scope=applications.commands"


def read_application_id(token: str) -> int | None:
    """Return the application id in a bot token, None if there is none.

    The first part of a token is the bot's user id in base64; applications made since 2016 have the same id.
    """
    part = token.partition(".")[0]
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return int(decoded) if _ID.fullmatch(decoded) else None


def missing_permissions(granted: discord.Permissions) -> tuple[str, ...]:
    """Return the needed permissions that are not granted, by their names in Discord's client."""
    return tuple(label for name, label in NEEDED.items() if not getattr(granted, name))
