"""The parts of the feature, built together: the configured chains, what starts them, and /chain."""

from collections.abc import Callable, Sequence

from bot.catalog.catalog import Catalog
from bot.catalog.chains import ConfiguredChains
from bot.clock import Clock
from bot.runs.engine import Engine
from bot.runs.pricing import Pricing
from bot.settings import ChainSpec
from bot.store.store import Store
from cogs.chain.cog import ChainCommands
from cogs.chain.finder import ChainFinder
from cogs.chain.starter import ChainStarter
from cogs.fix_it.refused_runs import RefusedRunKeeper
from cogs.input_reader import InputReader
from cogs.permissions import Editors, RunAccess
from cogs.personal_inputs import PersonalInputs
from cogs.reply_places import ReplyPlaces


class ChainParts:
    """``configured`` are the chains of the configuration, ``commands`` is /chain.

    ``finder`` finds a chain by its name, and ``starter`` starts any.
    """

    def __init__(
        self,
        specs: Sequence[ChainSpec],
        *,
        engine: Engine,
        store: Store,
        catalog: Catalog,
        access: RunAccess,
        inputs: InputReader,
        personal: PersonalInputs,
        places: ReplyPlaces,
        refused: RefusedRunKeeper,
        pricing: Pricing,
        ask_above: int | None,
        editors: Editors,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self.configured = ConfiguredChains(specs, catalog)
        self.starter = ChainStarter(
            engine,
            runs=store.runs,
            access=access,
            inputs=inputs,
            personal=personal,
            places=places,
            refused=refused,
            pricing=pricing,
            ask_above=ask_above,
            clock=clock,
            new_id=new_id,
        )
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
