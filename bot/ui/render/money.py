"""What people read about money: expectations, costs, budgets and usage, with the cards that show them.

Sums are micro-dollars. Days and months are in UTC, and the cards say so.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from bot.formatting import SEPARATOR, format_duration, join_facts
from bot.language import _, ngettext
from bot.money.amounts import format_dollars
from bot.money.budgets import EVERYBODY, BudgetExceeded, BudgetLimit, Period, Scope, find_warnings
from bot.money.prices import Price, Rate
from bot.runs import is_served
from bot.store.budgets import Budget, BudgetState, PersonUsage, UsageRow
from bot.store.models import Run
from bot.ui.render.markdown import escape, format_progress_bar, format_timestamp, one_line

_TOP_SHOWN: Final = 5
_COMMAND_CHARS: Final = 32
_NEAREST_FIRST: Final = ({Scope.PERSON, Scope.MEMBER}, {Scope.ROLE}, {Scope.SERVER}, {Scope.BOT})


# A run


def format_expectation(run: Run) -> str:
    """Return how long a run usually takes and what it will cost, "" if neither is known."""
    usually = about = ""
    if run.usual_seconds is not None:
        usually = _("usually {time}").format(time=format_duration(timedelta(seconds=run.usual_seconds)))
    if run.estimate:
        about = _("about {cost}").format(cost=format_dollars(run.estimate))
    return join_facts(usually, about)


def format_cost(run: Run) -> str:
    """Return what a run has cost, or is expected to, for its details; "" where nobody is billed."""
    if run.cost is not None:
        return format_dollars(run.cost) if run.cost else _("nothing")
    if run.ended_at is None and run.estimate:
        return _("about {cost}").format(cost=format_dollars(run.estimate))
    return "" if is_served(run.target) else _("price not known")


def format_price(price: Price | None) -> str:
    """Return what a model costs, as one line: "$0.003 an image"."""
    if price is None:
        return _("price not known")
    facts = [_format_rate(metric, rate) for metric, rate in price.rates.items()]
    more = _("depends on the input") if price.variants else ""
    return join_facts(*facts, more)


def _format_rate(metric: str, rate: Rate) -> str:
    sum_ = format_dollars(rate.micros)
    if rate.per == 1:
        match metric:
            case "run":
                return _("{sum} a run").format(sum=sum_)
            case "predict_time":
                return _("{sum} a second of work").format(sum=sum_)
            case "image_output_count":
                return _("{sum} an image").format(sum=sum_)
            case "video_output_duration_seconds" | "audio_output_duration_seconds":
                return _("{sum} a second of output").format(sum=sum_)
    what = metric.replace("_", " ").removesuffix(" count")
    return _("{sum} for {count} × {what}").format(sum=sum_, count=f"{rate.per:,}", what=what)


# Before a run


def ask_about_cost(cost: int) -> str:
    """Return the question before a run that costs more than the operator wants anybody to spend by accident."""
    return _("This run will cost about {cost}. Start it?").format(cost=format_dollars(cost))


def ask_about_several(cost: int, runs: int) -> str:
    """Return the question before several runs at once that cost so much together."""
    question = ngettext(
        "{count} run will cost about {cost}. Start it?", "{count} runs will cost about {cost}. Start them?", runs
    )
    return question.format(count=runs, cost=format_dollars(cost))


def run_it_label() -> str:
    return _("Run it")


def change_it_label() -> str:
    return _("Change it")


def already_started() -> str:
    return _("This run was started already.")


def started() -> str:
    return _("Started.")


# Budgets


def explain_budget(exceeded: BudgetExceeded) -> str:
    """Return which budget is used up and when it opens again, or that this run is too expensive for what is left."""
    opens = f"<t:{int(exceeded.opens_at.timestamp())}:f>"
    left = exceeded.limit.amount - exceeded.used
    if left > 0:
        return _(
            "This run would cost about {cost}, and a budget has {left} left. Ask for less, or wait until {time}."
        ).format(cost=format_dollars(exceeded.cost), left=format_dollars(left), time=opens)
    return _used_up(exceeded.limit.scope, exceeded.limit.period).format(time=opens)


def _used_up(scope: Scope, period: Period) -> str:
    return _used_up_today(scope) if period is Period.DAY else _used_up_this_month(scope)


def _used_up_today(scope: Scope) -> str:
    match scope:
        case Scope.BOT:
            return _("This bot's budget for today is used up. It opens again on {time}.")
        case Scope.SERVER:
            return _("This server's budget for today is used up. It opens again on {time}.")
        case Scope.COMMAND | Scope.SERVER_COMMAND:
            return _("This command's budget for today is used up. Use another one, or wait until {time}.")
        case Scope.ROLE:
            return _("Your role's budget for today is used up. It opens again on {time}.")
        case Scope.PERSON | Scope.MEMBER:
            return _("Your budget for today is used up. It opens again on {time}.")


def _used_up_this_month(scope: Scope) -> str:
    match scope:
        case Scope.BOT:
            return _("This bot's budget for this month is used up. It opens again on {time}.")
        case Scope.SERVER:
            return _("This server's budget for this month is used up. It opens again on {time}.")
        case Scope.COMMAND | Scope.SERVER_COMMAND:
            return _("This command's budget for this month is used up. Use another one, or wait until {time}.")
        case Scope.ROLE:
            return _("Your role's budget for this month is used up. It opens again on {time}.")
        case Scope.PERSON | Scope.MEMBER:
            return _("Your budget for this month is used up. It opens again on {time}.")


def describe_money_left(remaining: Mapping[BudgetLimit, int], *, day: date) -> Iterator[str]:
    """Yield what is left of the budgets that hold for a person, the closest to them first; ``day`` is today.

    The bot's own is told without its sums, and only once most of it is used.
    """
    for scopes in _NEAREST_FIRST:
        tightest: dict[Period, BudgetLimit] = {}
        for limit, left in remaining.items():
            known = tightest.get(limit.period)
            if limit.scope in scopes and (known is None or left < remaining[known]):
                tightest[limit.period] = limit
        month, today = tightest.get(Period.MONTH), tightest.get(Period.DAY)
        if today is not None and (month is None or remaining[today] < remaining[month]):
            yield from _describe_left(today, remaining[today], day=day)
        if month is not None:
            yield from _describe_left(month, remaining[month], day=day)


def _describe_left(limit: BudgetLimit, left: int, *, day: date) -> Iterator[str]:
    if left <= 0:
        yield _used_up(limit.scope, limit.period).format(time=f"<t:{int(limit.period.end(day).timestamp())}:f>")
    elif limit.scope is not Scope.BOT:
        sentence = _left_today(limit.scope) if limit.period is Period.DAY else _left_this_month(limit.scope)
        yield sentence.format(sum=format_dollars(left))
    elif any(find_warnings([limit], {(limit.key, limit.period): limit.amount - left})):
        is_day = limit.period is Period.DAY
        yield (
            _("Most of this bot's budget for today is used.")
            if is_day
            else _("Most of this bot's budget for this month is used.")
        )


def _left_today(scope: Scope) -> str:
    match scope:
        case Scope.SERVER:
            return _("This server has {sum} left today.")
        case Scope.ROLE:
            return _("Your role has {sum} left today.")
        case _:
            return _("You have {sum} left today.")


def _left_this_month(scope: Scope) -> str:
    match scope:
        case Scope.SERVER:
            return _("This server has {sum} left this month.")
        case Scope.ROLE:
            return _("Your role has {sum} left this month.")
        case _:
            return _("You have {sum} left this month.")


def name_budget(key: str, *, servers: Mapping[int, str]) -> str:
    """Return whose budget it is, as Markdown; ``servers`` are names by id, where they are known."""
    scope, *parts = key.split(":")
    if scope in (Scope.BOT, Scope.COMMAND, Scope.PERSON):
        return _name_everywhere(Scope(scope), parts)
    return _name_in_server(Scope(scope), parts, servers)


def _name_everywhere(scope: Scope, parts: Sequence[str]) -> str:
    if scope is Scope.BOT:
        return _("Whole bot")
    if scope is Scope.COMMAND:
        return _("/{command} everywhere").format(command=_command(parts[0]))
    if parts[0] == EVERYBODY:
        return _("Each person everywhere")
    return _("{person} everywhere").format(person=f"<@{parts[0]}>")


def _name_in_server(scope: Scope, parts: Sequence[str], servers: Mapping[int, str]) -> str:
    if scope is Scope.ROLE:
        return _("Role {role}").format(role=f"<@&{parts[0]}>")
    server = _server(parts[0], servers)
    if scope is Scope.SERVER:
        return _("Server {server}").format(server=server)
    if scope is Scope.SERVER_COMMAND:
        return _("/{command} in {server}").format(command=_command(parts[1]), server=server)
    if parts[1] == EVERYBODY:
        return _("Each person in {server}").format(server=server)
    return _("{person} in {server}").format(person=f"<@{parts[1]}>", server=server)


def format_amount(amount: int, period: Period) -> str:
    """Return a budget's amount: "$5.00 a day"."""
    sum_ = format_dollars(amount)
    return _("{sum} a day").format(sum=sum_) if period is Period.DAY else _("{sum} a month").format(sum=sum_)


def describe_budget(state: BudgetState, *, servers: Mapping[int, str]) -> str:
    """Return a budget as an entry of a list: whose it is, how much, and what is used."""
    budget = state.budget
    head = f"**{name_budget(budget.key, servers=servers)}**{SEPARATOR}{format_amount(budget.amount, budget.period)}"
    return f"{head}\n-# {_format_used(state)}"


def _format_used(state: BudgetState) -> str:
    if state.used is None:
        return _("for everybody alone")
    bar = format_progress_bar(state.used / state.budget.amount) if state.budget.amount else ""
    if state.budget.period is Period.DAY:
        return join_facts(_("{sum} used today").format(sum=format_dollars(state.used)), bar)
    return join_facts(_("{sum} used this month").format(sum=format_dollars(state.used)), bar)


def budgets_title() -> str:
    return _("Budgets")


def no_budgets() -> str:
    return _("No budgets yet. Set one with `/budget set`.")


def budgets_footer() -> str:
    return "-# " + _("Days and months are in UTC. What is expected of runs in progress counts as used.")


def budget_was_set(budget_name: str, amount: int, period: Period, before: Budget | None) -> str:
    """Return that a budget holds from now on."""
    if before is None:
        return _("{name} may spend {amount} from now on.").format(
            name=budget_name, amount=format_amount(amount, period)
        )
    return _("{name} may spend {amount} from now on; it was {before}.").format(
        name=budget_name, amount=format_amount(amount, period), before=format_dollars(before.amount)
    )


def budget_was_cleared(budget_name: str, period: Period) -> str:
    if period is Period.DAY:
        return _("Cleared the budget of {name} for a day.").format(name=budget_name)
    return _("Cleared the budget of {name} for a month.").format(name=budget_name)


def warn_of_budget(state: BudgetState, *, servers: Mapping[int, str], opens_again: str) -> str:
    """Return the line for the log channel when most of a budget is used."""
    return _("⚠️ {name}: {used} of {amount} used. At the limit, runs are refused until {time}.").format(
        name=name_budget(state.budget.key, servers=servers),
        used=format_dollars(state.used or 0),
        amount=format_amount(state.budget.amount, state.budget.period),
        time=opens_again,
    )


def not_a_budget_editor() -> str:
    return _("Only people who can manage this server, and the bot's editors, can see and set budgets.")


def not_everywhere() -> str:
    return _(
        "Only the bot's editors can set budgets for everywhere. Leave out `everywhere` to set one for this server."
    )


def only_one_target() -> str:
    return _("A budget is for one of these: a person, a role, a command, each person. Set two budgets for two.")


def role_has_a_server() -> str:
    return _("A role belongs to its server. Leave out `everywhere`.")


def needs_a_server() -> str:
    return _("There is no server here. Use this in a server, or set `everywhere`.")


def not_an_amount(text: str) -> str:
    return _("“{text}” is not an amount in dollars. Use a format like 5 or 0.04.").format(text=one_line(text, 40))


def no_such_budget() -> str:
    return _("There is no such budget. Pick one from the list.")


def set_by_the_operator() -> str:
    return _("The bot's editors have set this budget, so only they can clear it.")


def no_such_command(name: str) -> str:
    return _("There is no /{command}. Pick a command from the list.").format(command=_command(name))


# Usage


def usage_title(scope: str, *, days: int) -> str:
    """Return the title of a card of usage: "mine", "server" or "all"."""
    match scope:
        case "server":
            return ngettext("This server, the last day", "This server, the last {count} days", days).format(count=days)
        case "all":
            return ngettext("Everywhere, the last day", "Everywhere, the last {count} days", days).format(count=days)
        case _:
            return ngettext("Your usage, the last day", "Your usage, the last {count} days", days).format(count=days)


def usage_total(rows: Sequence[UsageRow]) -> str:
    """Return the sum of all rows: "$12.40 · 310 runs"."""
    runs = sum(row.runs for row in rows)
    count = ngettext("{count} run", "{count} runs", runs).format(count=f"{runs:,}")
    return join_facts(f"**{format_dollars(sum(row.spent for row in rows))}**", count)


def span_label(days: int) -> str:
    return ngettext("{count} day", "{count} days", days).format(count=days)


def no_usage() -> str:
    return _("No runs in this time.")


def top_commands_title() -> str:
    return _("Commands")


def top_people_title() -> str:
    return _("People")


def list_top_commands(rows: Sequence[UsageRow]) -> Iterator[str]:
    """Yield a line for each of the commands that have cost most."""
    totals: dict[str, tuple[int, int]] = {}
    for row in rows:
        spent, runs = totals.get(row.command, (0, 0))
        totals[row.command] = spent + row.spent, runs + row.runs
    ordered = sorted(totals.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))
    for command, (spent, runs) in ordered[:_TOP_SHOWN]:
        count = ngettext("{count} run", "{count} runs", runs).format(count=f"{runs:,}")
        yield join_facts(f"/{_command(command)}", format_dollars(spent), count)


def list_top_people(people: Sequence[PersonUsage]) -> Iterator[str]:
    """Yield a line for each person; those whose data is deleted are one."""
    for person in people:
        name = _("people who deleted their data") if person.author_id is None else f"<@{person.author_id}>"
        count = ngettext("{count} run", "{count} runs", person.runs).format(count=f"{person.runs:,}")
        yield join_facts(name, format_dollars(person.spent), count)


def describe_chart(rows: Sequence[UsageRow], *, days: int) -> str:
    """Return the alt text of the chart."""
    by_day: dict[date, int] = {}
    for row in rows:
        by_day[row.day] = by_day.get(row.day, 0) + row.spent
    total = format_dollars(sum(by_day.values()))
    if not by_day:
        return _("A chart of the cost per day: nothing was spent.")
    top_day, top = max(by_day.items(), key=lambda item: item[1])
    commands = ", ".join(line.replace("\\", "") for line in list_top_commands(rows))
    return _(
        "A chart of the cost per day for {days} days: {total} in all, most on {day} ({top}). By command: {commands}."
    ).format(days=days, total=total, day=top_day.isoformat(), top=format_dollars(top), commands=commands)


def usage_footer(*, unpriced: bool) -> str:
    """Return the small line under the usage."""
    if unpriced:
        return "-# " + _("As far as prices are known; runs without one count as $0. Days are in UTC.")
    return "-# " + _("Days are in UTC.")


def manage_server_only() -> str:
    return _("Only people who can manage this server can see its usage. Yours is `/usage`.")


def editors_only() -> str:
    return _("Only the bot's editors can see everybody's usage. Yours is `/usage`.")


def other_commands() -> str:
    return _("others")


def chart_not_drawn() -> str:
    return _("The chart can't be drawn right now; the numbers are in the file.")


def _command(name: str) -> str:
    return escape(one_line(name, _COMMAND_CHARS))


def _server(guild_id: str, servers: Mapping[int, str]) -> str:
    return escape(one_line(servers.get(int(guild_id), guild_id), 60))


def opens_again(state: BudgetState, day: date) -> str:
    """Return when a budget's next period begins."""
    return format_timestamp(state.budget.period.end(day), "f")
