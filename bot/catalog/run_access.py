"""Decide whether somebody may start a run: one question, asked at every way to a run.

A slash command, /run, Again, Edit, Use as subject and their forms all ask it, before anything is loaded for the person
and again, with the input, when the run starts.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bot.actor import ADMINISTRATOR, Actor
from bot.backends.target import ServedModel, Target
from bot.catalog.catalog import ANY_MODEL, Command, find_governing_command
from bot.errors import BadOption, Refused
from bot.language import _
from bot.options.coercion import coerce_value
from bot.rules.decide import RunTerms, ServerSituation, apply_server_rules

AnyModel = Literal["nobody", "editors", "everyone"]

_SHOWN_BELOW: Final = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What somebody wants to run: a target, under a command's name or ANY_MODEL.

    ``input`` is the model's input, None while it is not known, as before a form is filled in. ``outputs`` is how many
    outputs it asks for, None if that is not known. ``by_name``: Discord itself offered the command to this person here.
    """

    command: str
    target: Target
    input: Mapping[str, Any] | None = None
    outputs: int | None = None
    by_name: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRules:
    """What the answer depends on beside the request: the commands that exist now, and the settings.

    ``hidden`` are inputs that nobody may set with any model. ``editors`` are user ids. ``server`` is the server that
    the run would be in, None elsewhere.
    """

    commands: tuple[Command, ...]
    hidden: frozenset[str]
    any_model: AnyModel
    editors: frozenset[int]
    server: ServerSituation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDecision:
    """The run may start: with ``input``, under the rules of ``command``, which is None for a model without one.

    ``terms`` are what the server's rules say about it.
    """

    command: Command | None
    input: Mapping[str, Any] | None
    terms: RunTerms = field(default_factory=RunTerms)


def decide_run(actor: Actor, request: RunRequest, rules: RunRules) -> RunDecision:
    """Return the decision for a run that may start; raise Refused if it may not.

    A model that is a command's may be run by everybody under the command's ``limits`` and ``hidden``, whatever way
    leads there; in another version only under that command's own name, as Again does after an update. Everything else
    needs the right to run any model. The server's own rules come last: they take away, and never give.
    """
    command = find_governing_command(rules.commands, request.command, request.target)
    if isinstance(request.target, ServedModel) and (command is None or command.target != request.target):
        # No right to run any model names a server, and one that is no longer configured serves nothing.
        raise Refused(_explain_refusal(request))
    is_offered = command is not None and (request.command == command.name or request.target == command.target)
    if not is_offered and not may_run_any_model(actor.user_id, any_model=rules.any_model, editors=rules.editors):
        raise Refused(_explain_refusal(request))
    if command is not None:
        _check_offer(actor, request, command)
    run_input = None if request.input is None else _apply_rules(request.input, command, rules.hidden)
    terms = apply_server_rules(
        actor,
        request.command if command is None else command.name,
        rules.server,
        run_input=run_input,
        outputs=request.outputs,
    )
    return RunDecision(command=command, input=run_input, terms=terms)


def may_run(actor: Actor, command: Command, rules: RunRules) -> bool:
    """Return whether somebody may run a command, or a model that was resolved without one, as far as that is known."""
    try:
        decide_run(actor, RunRequest(command=command.name, target=command.target), rules)
    except Refused:
        return False
    return True


def may_run_any_model(user_id: int, *, any_model: AnyModel, editors: frozenset[int]) -> bool:
    """Return whether somebody may run a model that has no command."""
    return any_model == "everyone" or (any_model == "editors" and user_id in editors)


def _check_offer(actor: Actor, request: RunRequest, command: Command) -> None:
    """Raise Refused where Discord would not offer the command; what it did offer, a server may have changed there."""
    offer = command.offer
    if offer.age_restricted and actor.guild_id is not None and not actor.in_age_restricted:
        raise Refused(
            _("/{command} works only in age-restricted channels. Use it in one of those.").format(command=command.name)
        )
    if request.by_name:
        return
    if actor.context not in offer.contexts:
        raise Refused(_("/{command} can't be used here.").format(command=command.name))
    is_admin = actor.permissions & ADMINISTRATOR
    if actor.guild_id is not None and offer.permissions & ~actor.permissions and not is_admin:
        raise Refused(
            _("/{command} is only for people with more permissions in this server. Ask its moderators.").format(
                command=command.name
            )
        )


def _explain_refusal(request: RunRequest) -> str:
    if request.command == ANY_MODEL:
        return _("You can only run models that have a command here. See them with /models list.")
    return _(
        "/{command} no longer runs {model}. "
        "You can only run models that have a command here. See them with /models list."
    ).format(command=request.command, model=request.target.model)


def _apply_rules(run_input: Mapping[str, Any], command: Command | None, hidden: Iterable[str]) -> Mapping[str, Any]:
    """Return the input with the command's values for what it hides or limits and the input leaves out.

    Raise Refused for a hidden input that is set, or a number above its limit. A command's own options never are: the
    input of a run from before the settings changed may be.
    """
    fixed = dict(_fixed_defaults(command)) if command is not None else {}
    hidden_names = {*hidden, *(command.hidden if command is not None else ())}
    for name, value in run_input.items():
        if name in hidden_names and value is not None and (name not in fixed or fixed[name] != value):
            raise Refused(
                _("This run sets `{input}`, which can't be set here. Use Edit to run it without.").format(input=name),
                about=name,
            )
    result = {**{name: value for name, value in fixed.items() if name not in run_input}, **run_input}
    for name, limit in (command.limits if command is not None else {}).items():
        exceeding = next((number for number in _numbers(result.get(name)) if number > limit), None)
        if exceeding is not None:
            raise Refused(
                _("`{input}` must be at most {limit} here, and this run has {number}. Use Edit to change it.").format(
                    input=name, limit=f"{limit:g}", number=_format_number(exceeding)
                ),
                about=name,
            )
    return result


def _fixed_defaults(command: Command) -> Iterator[tuple[str, Any]]:
    """Yield the command's defaults for inputs that it hides or limits, as they are sent."""
    layout = command.layout
    hidden = {field.name: field for field in layout.hidden}
    for name, default in layout.defaults.items():
        field = hidden.get(name) or (layout.field(name) if name in command.limits else None)
        if field is None:
            continue
        try:
            yield name, coerce_value(field, default, name)
        except BadOption:
            continue  # a fault of the settings, which every use of the command reports


def _format_number(number: float) -> str:
    return f"{number:.15g}" if number < _SHOWN_BELOW else _("a far larger number")


def _numbers(value: Any) -> Iterator[int | float]:
    for part in value if isinstance(value, list | tuple) else (value,):
        if isinstance(part, int | float) and not isinstance(part, bool):
            yield part
