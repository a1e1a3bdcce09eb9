"""What every feature is built of, as one value."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from bot.backends.replicate.client import Replicate
from bot.catalog.catalog import Catalog
from bot.catalog.next_actions import NextOffers
from bot.catalog.search import ModelSearch
from bot.client import Replicord
from bot.clock import Clock
from bot.maintenance import RetentionPeriods
from bot.observability.metrics import Metrics
from bot.runs.engine import Engine
from bot.runs.input_files import InputSpool
from bot.runs.policy import Policy
from bot.runs.pricing import Pricing
from bot.settings import Settings
from bot.store.store import Store
from bot.ui.reply.extras import MissedCancelReactions
from bot.ui.reply.task import ReplyRegistry
from bot.ui.result_messages import ResultMessages
from bot.ui.spoken_language import ChosenLanguages
from bot.wiring.processes import Processes
from bot.worker_pool import WorkerPool
from cogs.library.parts import LibraryParts
from cogs.permissions import Editors
from cogs.result_files import ResultFiles
from cogs.server.log import ServerLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The parts that exist once, whatever features there are."""

    settings: Settings
    client: Replicord
    store: Store
    processes: Processes
    replicate: Replicate
    catalog: Catalog
    search: ModelSearch
    offers: NextOffers
    engine: Engine
    policy: Policy
    pricing: Pricing
    replies: ReplyRegistry
    missed_reactions: MissedCancelReactions
    messages: ResultMessages
    files: ResultFiles
    spool_folder: Path
    input_spool: InputSpool
    library: LibraryParts
    editors: Editors
    languages: ChosenLanguages
    server_log: ServerLog
    keep: RetentionPeriods
    workers: WorkerPool
    metrics: Metrics
    clock: Clock


def new_id() -> str:
    """Return a new id of a run, a character or a preset."""
    return secrets.token_hex(6)
