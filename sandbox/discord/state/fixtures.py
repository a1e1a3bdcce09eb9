"""Making a state: a few words a thing, and the default one."""

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
    """Adds to a state, one noun a method; each returns what it made."""

    def __init__(self, clock: Clock) -> None:
        self.state = DiscordState(clock)

    def user(self, username: str, colour: str = "#5865f2", *, bot: bool = False) -> User:
        """Add a user."""
        avatar = draw_avatar(username[0].upper(), colour)
        user = User(self.state.ids.next(), username, username.capitalize(), bot=bot, avatar=avatar)
        self.state.users[user.id] = user
        return user

    def application(self, name: str, owner: User) -> Application:
        """Add the application and its bot; the two share their id, as newer applications do."""
        bot = self.user(name, "#57a773", bot=True)
        bot.global_name = None
        self.state.application = Application(bot.id, name, "The bot under the sandbox's lamp.", bot, owner)
        return self.state.application

    def guild(self, name: str, owner: User) -> Guild:
        """Add a guild with its owner and the usual rights for everyone."""
        guild = Guild(self.state.ids.next(), name, owner.id, self.state.now())
        guild.roles[guild.id] = Role(guild.id, "@everyone", DEFAULT_PERMISSIONS)
        self.state.guilds[guild.id] = guild
        self.join(guild, owner)
        return guild

    def role(self, guild: Guild, name: str, permissions: int, colour: int = 0) -> Role:
        """Add a role above the others."""
        role = Role(self.state.ids.next(), name, permissions, position=len(guild.roles), colour=colour)
        guild.roles[role.id] = role
        return role

    def join(self, guild: Guild, user: User, *roles: Role) -> Member:
        """Make ``user`` a member."""
        guild.members[user.id] = Member(user, self.state.now(), list(roles))
        return guild.members[user.id]

    def install(self, guild: Guild, permissions: int = 0) -> Member:
        """Bring the application's bot into ``guild``, with a managed role that has ``permissions``."""
        application = self.state.application
        role = self.role(guild, application.name, permissions)
        role.managed, role.bot_id = True, application.bot.id
        return self.join(guild, application.bot, role)

    def channel(self, guild: Guild, name: str, topic: str | None = None) -> Channel:
        """Add a text channel."""
        channel = Channel(self.state.ids.next(), ChannelType.TEXT, self.state.now(), name, guild, topic=topic)
        channel.position = len(guild.channels)
        guild.channels[channel.id] = self.state.channels[channel.id] = channel
        return channel

    def thread(self, parent: Channel, name: str, owner: User, *, private: bool = False) -> Channel:
        """Add a thread under ``parent``."""
        kind = ChannelType.PRIVATE_THREAD if private else ChannelType.PUBLIC_THREAD
        thread = Channel(self.state.ids.next(), kind, self.state.now(), name, parent.guild, parent, owner.id)
        thread.recipients.append(owner)
        self.state.channels[thread.id] = thread
        return thread

    def close(self, channel: Channel, role: Role, permission: int) -> None:
        """Take ``permission`` from ``role`` in ``channel``."""
        overwrite = channel.overwrites.setdefault(role.id, Overwrite(0))
        overwrite.deny |= permission


def default_state(clock: Clock) -> DiscordState:
    """Return a guild “Sandbox” with four people and the bot, and a conversation between the bot and mia.

    mia runs commands, noah is a stranger, ada may manage messages, olga owns the guild. In #general and
    #pictures the bot may do all it needs; in #quiet it may not add reactions, attach files or embed links;
    it does not see #hidden. “ideas” is a thread of #general. “Elsewhere” is a guild without the bot.
    """
    make = StateBuilder(clock)
    olga = make.user("olga", "#b5651d")
    mia, noah, ada = make.user("mia", "#c2528b"), make.user("noah", "#3a7ca5"), make.user("ada", "#7a5cc7")
    application = make.application("replicord", olga)
    guild = make.guild("Sandbox", olga)
    moderators = make.role(guild, "moderators", P.MANAGE_MESSAGES, 0xE0A030)
    make.join(guild, mia)
    make.join(guild, noah)
    make.join(guild, ada, moderators)
    make.install(guild)
    general = make.channel(guild, "general", "Try the bot here")
    make.thread(general, "ideas", mia)
    make.channel(guild, "pictures")
    quiet = make.channel(guild, "quiet", "The bot may not react, attach or embed here")
    quiet.overwrites[application.bot.id] = Overwrite(1, deny=P.ADD_REACTIONS | P.ATTACH_FILES | P.EMBED_LINKS)
    hidden = make.channel(guild, "hidden", "The bot does not see this")
    hidden.overwrites[application.bot.id] = Overwrite(1, deny=P.VIEW_CHANNEL)
    elsewhere = make.guild("Elsewhere", noah)
    make.join(elsewhere, mia)
    make.channel(elsewhere, "lobby")
    make.state.open_dm({mia, application.bot})
    return make.state
