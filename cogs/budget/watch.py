"""Tell the log channel when a budget is nearly used up, and Prometheus what is left."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import discord
import structlog

from bot.client import Replicord
from bot.clock import Clock
from bot.money.budgets import Owner, Scope, day_of
from bot.observability.metrics import Metrics
from bot.rules.server_rules import LogLine
from bot.store.budgets import Budgets
from bot.store.errors import StoreError
from bot.ui.render import money
from bot.ui.requests import REQUEST_ERRORS, send_request
from cogs.server.log import ServerLog

log = structlog.get_logger(__name__)

_EVERY: Final = 5.0  # seconds; one read of a handful of rows
_METRICS_EVERY: Final = 6  # of these
_OF_PEOPLE: Final = frozenset({Scope.PERSON, Scope.MEMBER})


class BudgetWatch:
    """Reads the budgets of which most is used, from their rows: what happened before a restart is told after it.

    The operator's budgets are told in ``channel``, a server's own in its log channel, if it wants such lines. The row
    says that somebody is told before anything is sent, so no line comes twice.
    """

    def __init__(
        self,
        client: Replicord,
        *,
        budgets: Budgets,
        channel: int | None,
        server_log: ServerLog,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._client = client
        self._budgets = budgets
        self._channel = channel
        self._metrics = metrics
        self._clock = clock
        self._server_log = server_log

    async def run(self) -> None:
        """Watch for as long as the bot runs."""
        rounds = 0
        while True:
            try:
                if self._client.is_ready():
                    await self.tell()
                if rounds % _METRICS_EVERY == 0:
                    await self._measure()
            except StoreError as error:
                log.warning("budgets_not_read", error=str(error))
            except Exception:  # runs go on whatever happens here
                log.exception("budget_watch_failed")
            rounds += 1
            await self._clock.sleep(_EVERY)

    async def tell(self) -> None:
        """Send a line for each budget that nobody was told of yet."""
        for state in await self._budgets.take_warnings():
            log.info("budget_nearly_used", budget=state.budget.key, used=state.used, amount=state.budget.amount)
            day = day_of(self._clock.now())
            warn = partial(
                money.warn_of_budget,
                state,
                servers=self._server_names(),
                opens_again=money.opens_again(state, day),
            )
            if state.budget.owner is Owner.SERVER:
                self._server_log.post(state.budget.guild_id, LogLine.BUDGETS, warn)
            elif self._channel is not None:
                await self._send(self._channel, warn())

    async def _send(self, channel: int, line: str) -> None:
        target = self._client.get_partial_messageable(channel)
        try:
            await send_request(target.send(line, allowed_mentions=discord.AllowedMentions.none()))
        except REQUEST_ERRORS as error:
            log.warning("budget_line_not_sent", channel=channel, error=str(error))

    async def _measure(self) -> None:
        states = await self._budgets.list_states(guild_id=None, everything=True)
        left = {
            (one.budget.key, one.budget.period.value, one.budget.owner.value): max(one.budget.amount - one.used, 0)
            for one in states
            if one.used is not None and Scope.of(one.budget.key) not in _OF_PEOPLE
        }
        self._metrics.budgets_read(await self._budgets.count_reserved(), left)

    def _server_names(self) -> Mapping[int, str]:
        return {guild.id: guild.name for guild in self._client.guilds}
