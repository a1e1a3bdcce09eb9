"""The parts of the feature, built together: the configured chains, what starts them, and /chain."""

from collections.abc import Sequence

from bot.catalog.catalog import Catalog
from bot.catalog.chains import ConfiguredChains
from bot.clock import Clock
from bot.settings import ChainSpec
from bot.store.store import Store
from cogs.chain.cog import ChainCommands
from cogs.chain.finder import ChainFinder
from cogs.chain.starter import ChainStarter
from cogs.permissions import Editors, RunAccess
from cogs.start_builder import StartBuilder


class ChainParts:
    """``configured`` are the chains of the configuration, ``commands`` is /chain.

    ``finder`` finds a chain by its name, and ``starter`` starts any.
    """

    def __init__(
        self,
        specs: Sequence[ChainSpec],
        *,
        store: Store,
        catalog: Catalog,
        builder: StartBuilder,
        access: RunAccess,
        editors: Editors,
        clock: Clock,
    ) -> None:
        self.configured = ConfiguredChains(specs, catalog)
        self.starter = ChainStarter(builder, runs=store.runs, access=access)
        self.finder = ChainFinder(saved=store.saved_chains, configured=self.configured, catalog=catalog)
        self.commands = ChainCommands(
            chains=store.saved_chains,
            configured=self.configured,
            finder=self.finder,
            runs=store.runs,
            catalog=catalog,
            starter=self.starter,
            editors=editors,
            clock=clock,
        )
