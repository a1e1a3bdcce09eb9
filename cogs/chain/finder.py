"""Find a chain by its name: a person's own, one for everybody, or one of the configuration."""

from collections.abc import Sequence

from bot.catalog.catalog import Catalog
from bot.catalog.chains import Chain, ChainStep, ConfiguredChains, build_chain
from bot.errors import Refused
from bot.store.saved_chains import SavedChains, SavedStep
from bot.ui.render import chains as words


class ChainFinder:
    """Builds chains of what is saved, and of the commands that exist now."""

    def __init__(self, *, saved: SavedChains, configured: ConfiguredChains, catalog: Catalog) -> None:
        self._saved = saved
        self._configured = configured
        self._catalog = catalog

    async def find(self, person_id: int, name: str) -> Chain:
        """Return the chain that a person means; raise Refused if there is none, or it no longer fits."""
        saved = await self._saved.find(person_id, name)
        if saved is not None:
            return self.build(saved.name, saved.steps)
        configured = self._configured.get(name)
        if configured is None:
            raise Refused(words.explain_unknown_chain(name))
        return configured

    def build(self, name: str, steps: Sequence[SavedStep]) -> Chain:
        """Return the chain as it can be run now; raise Refused if a command is gone, or no longer fits."""
        built = []
        for step in steps:
            command = self._catalog.get(step.command)
            if command is None:
                raise Refused(words.explain_no_command(step.command))
            built.append(ChainStep(command=command, input=step.input, picture=step.picture))
        return build_chain(name, built)
