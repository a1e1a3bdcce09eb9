"""Building a state: a builder with a method per object, and the sandbox's default state."""

from bot.clock import Clock
from sandbox.discord.state.models import (
    Application,
    Channel,
    ChannelType,
    Guild,
    Member,
    Overwrite,
    Role,
    User,
    draw_avatar,
)
from sandbox.discord.state.permissions import DEFAULT_PERMISSIONS, Permission
from sandbox.discord.state.state import DiscordState

P = Permission


class StateBuilder:
    """Adds objects to a new state; each method returns what it added."""

    def __init__(self, clock: Clock) -> None:
        self.state = DiscordState(clock)

    def add_user(self, username: str, color: str = "#5865f2", *, bot: bool = False) -> User:
        avatar = draw_avatar(username[0].upper(), color)
        user = User(self.state.ids.next(), username, username.capitalize(), bot=bot, avatar=avatar)
        self.state.users[user.id] = user
        return user

    def add_application(self, name: str, owner: User) -> Application:
        """Add the application and its bot; both have the same id, as newer applications do."""
        bot = self.add_user(name, "#57a773", bot=True)
        bot.global_name = None
        self.state.application = Application(bot.id, name, "The bot in the sandbox.", bot, owner)
        return self.state.application

    def add_guild(self, name: str, owner: User, *, shard: tuple[int, int] | None = None) -> Guild:
        """Add a guild with its owner and the default permissions for everyone.

        ``shard`` is the number of the shard that it belongs to and how many shards there are; by chance if None.
        """
        guild = Guild(self.state.ids.next(shard), name, owner.id, self.state.now())
        guild.roles[guild.id] = Role(guild.id, "@everyone", DEFAULT_PERMISSIONS)
        self.state.guilds[guild.id] = guild
        self.add_member(guild, owner)
        return guild

    def add_role(self, guild: Guild, name: str, permissions: int, color: int = 0) -> Role:
        """Add a role above the others."""
        role = Role(self.state.ids.next(), name, permissions, position=len(guild.roles), color=color)
        guild.roles[role.id] = role
        return role

    def add_member(self, guild: Guild, user: User, *roles: Role) -> Member:
        guild.members[user.id] = Member(user, self.state.now(), list(roles))
        return guild.members[user.id]

    def install_bot(self, guild: Guild, permissions: int = 0) -> Member:
        """Add the application's bot to ``guild``, with a managed role that has ``permissions``."""
        application = self.state.application
        role = self.add_role(guild, application.name, permissions)
        role.managed, role.bot_id = True, application.bot.id
        return self.add_member(guild, application.bot, role)

    def add_channel(self, guild: Guild, name: str, topic: str | None = None) -> Channel:
        """Add a text channel."""
        channel = Channel(self.state.ids.next(), ChannelType.TEXT, self.state.now(), name, guild, topic=topic)
        channel.position = len(guild.channels)
        guild.channels[channel.id] = self.state.channels[channel.id] = channel
        return channel

    def add_thread(self, parent: Channel, name: str, owner: User, *, private: bool = False) -> Channel:
        return self.state.create_thread(parent, name, owner, private=private)


def default_state(clock: Clock) -> DiscordState:
    """Return a guild “Sandbox” with four people and the bot, and a DM of the bot and mia.

    mia uses commands, noah is another member, ada may manage messages and the guild, olga owns it. In #general and
    #pictures the bot may do all it needs; in #quiet it may not add reactions, attach files or embed links; it does not
    see #hidden. “ideas” is a thread of #general. “Elsewhere” is a guild without the bot.
    """
    builder = StateBuilder(clock)
    olga = builder.add_user("olga", "#b5651d")
    mia = builder.add_user("mia", "#c2528b")
    noah = builder.add_user("noah", "#3a7ca5")
    ada = builder.add_user("ada", "#7a5cc7")
    application = builder.add_application("replicord", olga)
    guild = builder.add_guild("Sandbox", olga)
    moderators = builder.add_role(
        guild, "moderators", P.MANAGE_MESSAGES | P.MODERATE_MEMBERS | P.MANAGE_GUILD, 0xE0A030
    )
    builder.add_member(guild, mia)
    builder.add_member(guild, noah)
    builder.add_member(guild, ada, moderators)
    builder.install_bot(guild)
    general = builder.add_channel(guild, "general", "Try the bot here")
    builder.add_thread(general, "ideas", mia)
    builder.add_channel(guild, "pictures")
    quiet = builder.add_channel(guild, "quiet", "The bot can't react, attach files or embed links here")
    quiet.overwrites[application.bot.id] = Overwrite(1, deny=P.ADD_REACTIONS | P.ATTACH_FILES | P.EMBED_LINKS)
    hidden = builder.add_channel(guild, "hidden", "The bot can't see this channel")
    hidden.overwrites[application.bot.id] = Overwrite(1, deny=P.VIEW_CHANNEL)
    elsewhere = builder.add_guild("Elsewhere", noah)
    builder.add_member(elsewhere, mia)
    builder.add_channel(elsewhere, "lobby")
    builder.state.open_dm({mia, application.bot})
    return builder.state
