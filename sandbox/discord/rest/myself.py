"""What a client asks about itself before it does anything: its user, its application, the gateway."""

from sandbox.discord.errors import UNKNOWN_APPLICATION, UNKNOWN_USER, ApiError
from sandbox.discord.gateway.hub import IDENTIFIES_A_DAY
from sandbox.discord.rest.ask import Answer, Ask, Route
from sandbox.discord.rest.buckets import READ
from sandbox.discord.site import Site
from sandbox.discord.wire import people

DAY_MS = 86_400_000


async def get_self(site: Site, _ask: Ask) -> Answer:
    """Answer the bot's user."""
    return Answer(people.self_user(site.world.bot))


async def get_user(site: Site, ask: Ask) -> Answer:
    """Answer any user."""
    user = site.world.users.get(ask.id("user_id"))
    if user is None:
        raise ApiError(UNKNOWN_USER)
    return Answer(people.user(user))


async def get_guilds(site: Site, _ask: Ask) -> Answer:
    """Answer the guilds that the bot is in."""
    mine = [guild for guild in site.world.guilds.values() if site.world.bot.id in guild.members]
    return Answer(
        [
            {
                "id": str(guild.id),
                "name": guild.name,
                "icon": None,
                "banner": None,
                "owner": False,
                "permissions": str(int(guild.everyone.permissions)),
                "features": [],
            }
            for guild in mine
        ]
    )


async def get_application(site: Site, ask: Ask) -> Answer:
    """Answer the application."""
    if "application_id" in ask.params and ask.id("application_id") != site.world.application.id:
        raise ApiError(UNKNOWN_APPLICATION)
    guilds = sum(site.world.bot.id in guild.members for guild in site.world.guilds.values())
    return Answer(people.application(site.world.application, guilds=guilds))


async def get_gateway(site: Site, _ask: Ask) -> Answer:
    """Answer where the gateway is."""
    return Answer({"url": site.hub.url})


async def get_gateway_bot(site: Site, _ask: Ask) -> Answer:
    """Answer where the gateway is and how many sessions may still begin."""
    limit = {
        "total": IDENTIFIES_A_DAY,
        "remaining": max(IDENTIFIES_A_DAY - site.hub.identifies, 0),
        "reset_after": DAY_MS,
        "max_concurrency": 1,
    }
    return Answer({"url": site.hub.url, "shards": 1, "session_start_limit": limit})


ROUTES = (
    Route("GET", "/users/@me", get_self, READ),
    Route("GET", "/users/@me/guilds", get_guilds, READ),
    Route("GET", "/users/{user_id}", get_user, READ),
    Route("GET", "/oauth2/applications/@me", get_application, READ),
    Route("GET", "/applications/@me", get_application, READ),
    Route("GET", "/applications/{application_id}", get_application, READ),
    Route("GET", "/gateway", get_gateway, None, bot=False),
    Route("GET", "/gateway/bot", get_gateway_bot, READ),
)
