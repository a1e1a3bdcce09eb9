"""The slash command of each model in the catalog, such as /generate, and of each configured chain."""

from functools import partial

from discord.ext import commands

from bot.catalog.catalog import Catalog, Command
from bot.catalog.chains import Chain, ConfiguredChains
from bot.client import Replicord
from bot.options.slash_command import CommandCallback, PersonalCompletion, build_command
from cogs.chain.starter import ChainStarter
from cogs.generate.command_sync import CommandSync
from cogs.start_run import RunStarter


class GenerateCommands(commands.Cog):
    """Keeps the commands of the tree, and Discord's, equal to the catalog."""

    def __init__(
        self,
        client: Replicord,
        *,
        catalog: Catalog,
        chains: ConfiguredChains,
        starter: RunStarter,
        chain_starter: ChainStarter,
        sync: CommandSync,
        personal: PersonalCompletion,
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._chains = chains
        self._starter = starter
        self._chain_starter = chain_starter
        self._sync = sync
        self._personal = personal
        self._commands: dict[str, Command | Chain] = {}  # those in the tree

    async def cog_load(self) -> None:
        """Add the commands to the tree; they are sent to Discord when every cog is loaded."""
        self.update_tree()

    async def publish(self) -> bool:
        """Update the tree and send it to Discord; return False if Discord has it already.

        Raises CommandSyncFailure, or another error of discord.py, if Discord rejects it.
        """
        self.update_tree()
        return await self._sync.sync()

    def update_tree(self) -> None:
        """Offer what is in the catalog now; Discord is not told."""
        wanted: dict[str, Command | Chain] = {command.name: command for command in (*self._catalog, *self._chains)}
        tree = self._client.tree
        for name in self._commands.keys() - wanted.keys():
            tree.remove_command(name)
        for name, command in wanted.items():
            if self._commands.get(name) is not command:
                tree.add_command(
                    build_command(
                        name=name,
                        description=command.description,
                        layout=command.layout,
                        callback=self._start(command),
                        nsfw=command.offer.age_restricted,
                        permissions=command.offer.permissions,
                        contexts=command.offer.contexts,
                        personal=self._personal,
                    ),
                    override=True,
                )
        self._commands = wanted

    def _start(self, command: Command | Chain) -> CommandCallback:
        if isinstance(command, Chain):
            return partial(self._chain_starter.start, chain=command)
        return partial(self._starter.start, command=command)
