"""The cogs: what people see of every feature, and what each is built of."""

import secrets
from collections.abc import Iterator

from discord.ext import commands

from bot.client import Replicord
from bot.ui.direct_messages import DirectMessages
from bot.ui.result_changes import ResultChanges
from bot.wiring.core import Core, new_id
from bot.wiring.processes import VERSION
from bot.wiring.starts import StartParts
from cogs.about import About
from cogs.budget.cog import BudgetCommands
from cogs.cancel_reaction import CancelRuns
from cogs.chain.cog import CHAIN_ENTRIES, ChainCommands
from cogs.characters.cog import CHARACTER_ENTRIES, CharacterCommands
from cogs.characters.pictures import PictureReader
from cogs.favourites import FAVOURITE_ENTRIES
from cogs.fix_it.cog import FixIt
from cogs.models.autocomplete import ModelAutocomplete
from cogs.models.cog import ModelsCommands
from cogs.next.cog import NextActions
from cogs.next.flow import NextFlow
from cogs.next.pictures import PictureFinder
from cogs.preferences import PreferencesCommand
from cogs.presets.cog import PRESET_ENTRIES, PresetCommands
from cogs.privacy import PrivacyCommands
from cogs.result_menu import ResultMenu
from cogs.results.cog import MENU_ENTRIES as RESULT_ENTRIES
from cogs.results.cog import ResultActions
from cogs.results.private_runs import PrivateRuns
from cogs.results.reactions import ResultReactions
from cogs.run import RunCommand, RunForms
from cogs.run_buttons import RunButtons
from cogs.runs import RunsCommands
from cogs.server.cog import ServerCommands
from cogs.server.reports import ReportResultMenu, ResultRemover
from cogs.server_shares import ServerShares
from cogs.try_on import TryOn
from cogs.usage import UsageCommand
from cogs.use_as_subject.cog import UseAsSubject

_MENU_ENTRIES = (*FAVOURITE_ENTRIES, *CHARACTER_ENTRIES, *PRESET_ENTRIES, *CHAIN_ENTRIES, *RESULT_ENTRIES)


async def add_cogs(client: Replicord, core: Core, starts: StartParts) -> None:
    """Add every cog to the client."""
    changes = ResultChanges(runs=core.store.runs, results=core.store.results, messages=core.messages)
    for cog in (
        *_model_cogs(core, starts),
        *_run_cogs(core, starts),
        *_result_cogs(core, starts, changes),
        *_server_cogs(core, starts, changes),
        *core.library.cogs(offers=core.offers),
        *_personal_cogs(core, starts),
        *_money_cogs(core),
        _privacy_cog(core, starts),
    ):
        await client.add_cog(cog)


def _model_cogs(core: Core, starts: StartParts) -> Iterator[commands.Cog]:
    """Yield what runs a model."""
    client, catalog, runs = core.client, core.catalog, core.store.runs
    autocomplete = ModelAutocomplete(search=core.search, catalog=catalog, clock=core.clock)
    forms = RunForms(catalog=catalog, starter=starts.runs, access=starts.access)
    yield starts.generate
    yield ModelsCommands(
        catalog=catalog,
        search=core.search,
        generate=starts.generate,
        autocomplete=autocomplete,
        editors=core.editors,
        pricing=core.pricing,
        access=starts.access,
        forms=forms,
    )
    yield ChainCommands(
        chains=core.store.saved_chains,
        configured=starts.configured_chains,
        finder=starts.chain_finder,
        runs=runs,
        catalog=catalog,
        starter=starts.chains,
        editors=core.editors,
        clock=core.clock,
    )
    if starts.access.is_any_model_offered:
        yield RunCommand(forms=forms, autocomplete=autocomplete, access=starts.access, any_model=core.settings.run_any)
    yield UseAsSubject(client, catalog=catalog, starter=starts.runs, personal=starts.personal, runs=runs)
    yield TryOn(runs=runs, catalog=catalog, access=starts.access, starter=starts.runs, personal=starts.personal)
    flow = NextFlow(
        catalog=core.catalog,
        offers=core.offers,
        runs=core.store.runs,
        starter=starts.runs,
        access=starts.access,
        clock=core.clock,
        draw=secrets.randbelow,
        new_id=new_id,
    )
    pictures = PictureFinder(runs=core.store.runs, files=core.files, clock=core.clock)
    yield NextActions(core.client, runs=core.store.runs, pictures=pictures, flow=flow, personal=starts.personal)


def _run_cogs(core: Core, starts: StartParts) -> Iterator[commands.Cog]:
    """Yield what people do with runs under way."""
    client, engine, runs = core.client, core.engine, core.store.runs
    yield CancelRuns(client, engine=engine, runs=runs, missed_reactions=core.missed_reactions)
    buttons = RunButtons(
        engine=engine,
        runs=runs,
        catalog=core.catalog,
        starter=starts.runs,
        chain_starter=starts.chains,
        access=starts.access,
        refused=starts.refused,
        replies=core.replies,
        clock=core.clock,
        new_id=new_id,
    )
    yield buttons
    yield FixIt(
        refused=starts.refused,
        runs=runs,
        catalog=core.catalog,
        access=starts.access,
        starter=starts.runs,
        chains=starts.chain_finder,
        chain_starter=starts.chains,
        run_buttons=buttons,
    )
    yield RunsCommands(client, engine=engine, runs=runs)
    yield About(
        client,
        catalog=core.catalog,
        access=starts.access,
        starter=starts.runs,
        clock=core.clock,
        version=VERSION,
        link=core.settings.about_url,
        process=core.processes.own_id,
    )


def _result_cogs(core: Core, starts: StartParts, changes: ResultChanges) -> Iterator[commands.Cog]:
    """Yield what people do with delivered results."""
    runs, messages = core.store.runs, core.messages
    direct_messages = DirectMessages(core.client, messages=messages, limiter=core.replies.limiter)
    yield ResultMenu(runs=runs, library=core.store.library, messages=messages, entries=_MENU_ENTRIES)
    yield ResultReactions(
        core.client,
        runs=runs,
        results=core.store.results,
        messages=messages,
        changes=changes,
        direct_messages=direct_messages,
        limiter=core.replies.limiter,
        clock=core.clock,
    )
    yield PrivateRuns(engine=core.engine, runs=runs, direct_messages=direct_messages, clock=core.clock)
    yield ResultActions(
        runs=runs,
        access=starts.access,
        messages=messages,
        changes=changes,
        direct_messages=direct_messages,
    )


def _server_cogs(core: Core, starts: StartParts, changes: ResultChanges) -> Iterator[commands.Cog]:
    """Yield what the moderators of a server do, and what is reported to them."""
    store = core.store
    yield ServerCommands(
        servers=store.servers,
        runs=store.runs,
        catalog=core.catalog,
        chains=starts.configured_chains,
        access=starts.access,
        server_log=core.server_log,
        budgets=store.budgets,
        policy=core.policy,
        clock=core.clock,
    )
    yield ReportResultMenu(
        core.client,
        runs=store.runs,
        reports=store.reports,
        servers=store.servers,
        server_log=core.server_log,
        remover=ResultRemover(core.client, engine=core.engine, changes=changes),
        clock=core.clock,
    )


def _personal_cogs(core: Core, starts: StartParts) -> Iterator[commands.Cog]:
    """Yield what people save for their runs."""
    client, store = core.client, core.store
    yield CharacterCommands(
        client,
        characters=store.characters,
        pictures=PictureReader(spool=core.input_spool, workers=core.workers),
        runs=store.runs,
        files=core.files,
        clock=core.clock,
        new_id=new_id,
    )
    yield PresetCommands(
        presets=store.presets,
        runs=store.runs,
        catalog=core.catalog,
        access=starts.access,
        starter=starts.runs,
        editors=core.editors,
        published=starts.presets,
        clock=core.clock,
        new_id=new_id,
    )
    yield PreferencesCommand(preferences=store.preferences, languages=core.languages, catalog=core.catalog)
    yield ServerShares(client, shares=store.shares, published=starts.presets, clock=core.clock)


def _money_cogs(core: Core) -> Iterator[commands.Cog]:
    """Yield what runs may cost and have cost."""
    yield BudgetCommands(
        core.client,
        budgets=core.store.budgets,
        catalog=core.catalog,
        editors=core.editors,
        server_log=core.server_log,
    )
    yield UsageCommand(
        budgets=core.store.budgets,
        editors=core.editors,
        workers=core.workers,
        clock=core.clock,
        has_unpriced=core.settings.unknown_price == "free",
    )


def _privacy_cog(core: Core, starts: StartParts) -> commands.Cog:
    return PrivacyCommands(
        runs=core.store.runs,
        gallery=core.store.gallery,
        keep=core.keep,
        on_replicate=bool(core.settings.replicate_token),
        wake_keeper=core.library.keeper.wake,
        published=starts.presets,
        languages=core.languages,
        clock=core.clock,
        forget_refused=starts.refused.forget_person,
    )
