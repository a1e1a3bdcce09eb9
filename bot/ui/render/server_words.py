"""What people read about a server's rules outside of its card: limits that are reached."""

import math

from bot.language import _, ngettext
from bot.store.errors import QuotaExceeded, QuotaKind


def explain_server_quota(exceeded: QuotaExceeded) -> str:
    """Return which limit of the server's own a person has reached, and when they can start the next run."""
    if exceeded.kind is QuotaKind.ACTIVE:
        if exceeded.limit == 0:
            return _("You can't start runs in this server. See what you can use with /server show.")
        return ngettext(
            "You can have {count} run in progress in this server. Wait for it to finish, or stop it with ❌.",
            "You can have {count} runs in progress in this server. Wait for one to finish, or stop one with ❌.",
            exceeded.limit,
        ).format(count=exceeded.limit)
    if exceeded.retry_at is None:
        return _("You can't start runs in this server. See what you can use with /server show.")
    return ngettext(
        "You've reached this server's limit of {count} run in 24 hours. You can start the next one {when}.",
        "You've reached this server's limit of {count} runs in 24 hours. You can start the next one {when}.",
        exceeded.limit,
    ).format(count=exceeded.limit, when=f"<t:{math.ceil(exceeded.retry_at.timestamp())}:R>")
