"""What starts runs, and the commands that do: those of models, of chains and of published presets."""

import sys

import httpx

from bot.catalog.chains import ConfiguredChains
from bot.command_mentions import CommandMentions
from bot.limits import FILE_BYTES
from bot.outputs.download import Downloader
from bot.outputs.spool import DiskQuota
from bot.wiring.core import Core, new_id
from bot.wiring.processes import VERSION
from cogs.chain.starter import ChainFinder, ChainStarter
from cogs.fix_it.kept_files import KeptFiles
from cogs.fix_it.refused_runs import RefusedRunKeeper
from cogs.generate.cog import GenerateCommands
from cogs.generate.command_sync import CommandSync
from cogs.generate.publisher import CommandPublisher
from cogs.input_reader import InputReader
from cogs.permissions import RunAccess
from cogs.personal_inputs import PersonalInputs
from cogs.presets.published import PublishedPresets
from cogs.reply_places import ReplyPlaces
from cogs.server.threads import ResultThreads
from cogs.start_builder import StartBuilder
from cogs.start_run import RunStarter
from cogs.unstarted import UnstartedRuns


class StartParts:
    """Builds the parts: ``access`` decides who may start, ``runs`` and ``chains`` start, ``publisher`` offers."""

    def __init__(self, core: Core, http: httpx.AsyncClient) -> None:
        settings, client, store, catalog = core.settings, core.client, core.store, core.catalog
        self.access = RunAccess(
            catalog,
            any_model=settings.run_any,
            editors=core.editors,
            servers=store.servers,
            server_log=core.server_log,
            clock=core.clock,
        )
        self.personal = PersonalInputs(characters=store.characters, runs=store.runs, preferences=store.preferences)
        self.refused = RefusedRunKeeper(
            rows=store.refused_runs,
            runs=store.runs,
            files=KeptFiles(core.spool_folder / ".refused", clock=core.clock),
            clock=core.clock,
        )
        self.unstarted = UnstartedRuns(core.spool_folder / ".unstarted", runs=store.runs, clock=core.clock)
        builder = StartBuilder(
            core.engine,
            inputs=_build_input_reader(core, http),
            personal=self.personal,
            places=ReplyPlaces(ResultThreads(store.servers)),
            refused=self.refused,
            unstarted=self.unstarted,
            pricing=core.pricing,
            ask_above=settings.ask_above,
            clock=core.clock,
            new_id=new_id,
        )
        self.runs = RunStarter(builder, runs=store.runs, access=self.access)
        self.configured_chains = ConfiguredChains(settings.chains, catalog)
        self.chains = ChainStarter(builder, runs=store.runs, access=self.access)
        self.chain_finder = ChainFinder(saved=store.saved_chains, configured=self.configured_chains, catalog=catalog)
        self.mentions = CommandMentions()
        sync = CommandSync(client, key_value=store.key_value, guild=settings.command_guild, mentions=self.mentions)
        self.generate = GenerateCommands(
            client,
            catalog=catalog,
            chains=self.configured_chains,
            starter=self.runs,
            chain_starter=self.chains,
            sync=sync,
            personal=self.personal.complete,
        )
        self.presets = PublishedPresets(
            client,
            presets=store.presets,
            catalog=catalog,
            starter=self.runs,
            sync=sync,
            key_value=store.key_value,
            personal=self.personal.complete,
        )
        self.publisher = CommandPublisher(
            client,
            catalog=catalog,
            generate=self.generate,
            sync=sync,
            presets=self.presets,
            version=VERSION,
            list_versions=core.processes.list_versions,
        )
        core.processes.share_publishing(sync, self.publisher)


def _build_input_reader(core: Core, http: httpx.AsyncClient) -> InputReader:
    web = Downloader(
        http,
        hosts=(),
        any_public=True,
        max_bytes=FILE_BYTES,
        quota=DiskQuota(sys.maxsize),  # the spool of inputs holds room for each file
        clock=core.clock,
        metrics=core.metrics,
    )
    return InputReader(spool=core.input_spool, web=web, workers=core.workers)
