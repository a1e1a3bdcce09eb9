"""Chains: several commands one after the other, each given the picture that the one before has made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Any, Final

import structlog

from bot.actor import Actor, Context
from bot.catalog.catalog import Catalog, Command
from bot.catalog.run_access import RunRequest, RunRules, decide_run
from bot.errors import Refused, UserError
from bot.language import _
from bot.limits import CHAIN_STEPS
from bot.media.types import PNG, StoredFile
from bot.options.layout import OptionLayout
from bot.options.parse import ParsedOptions, parse_options
from bot.outputs.output_schema import contains_files
from bot.rules.decide import apply_server_rules
from bot.settings import ChainSpec
from bot.settings.commands import CommandOffer
from bot.store.models import StepPlan

log = structlog.get_logger(__name__)

# Stands for the picture of the step before, until that has made one.
_PICTURE: Final = StoredFile("picture.png", PNG, 1, "", 0)
_ANY_PROMPT: Final = "a prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStep:
    """A command, the inputs of its model that it is always given, and the key of the input for the picture.

    Without a key, the picture goes where an image goes first.
    """

    command: Command
    input: Mapping[str, Any] = field(default_factory=dict)
    picture: str | None = None

    @property
    def picture_field(self) -> str | None:
        """The key of the input that gets the picture."""
        if self.picture is not None and self.command.layout.field(self.picture) is not None:
            return self.picture
        return self.command.layout.image_field


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain that can be run. Its options are those of its first step. Every step but the last makes one picture.

    ``is_command``: it is a command of its own, and not one that somebody saved.
    """

    name: str
    description: str
    steps: tuple[ChainStep, ...]
    layout: OptionLayout
    is_command: bool = False

    @property
    def title(self) -> str:
        """The name as people see it: one of the configuration is a command."""
        return f"/{self.name}" if self.is_command else self.name

    @property
    def command(self) -> str | None:
        """The name of the command that it is, which a server's rules may name; None for a saved one."""
        return self.name if self.is_command else None

    @property
    def offer(self) -> CommandOffer:
        """Where and to whom Discord offers it: to those who are offered every step."""
        offers = [step.command.offer for step in self.steps]
        return CommandOffer(
            age_restricted=any(offer.age_restricted for offer in offers),
            permissions=reduce(or_, (offer.permissions for offer in offers)),
            contexts=frozenset(Context).intersection(*(offer.contexts for offer in offers)),
        )


def build_chain(
    name: str, steps: Sequence[ChainStep], *, description: str | None = None, is_command: bool = False
) -> Chain:
    """Return the chain; raise Refused if its steps do not fit to each other."""
    if not 2 <= len(steps) <= CHAIN_STEPS:
        raise Refused(_("A chain has 2 to {count} steps.").format(count=CHAIN_STEPS))
    for step in steps[:-1]:
        if not contains_files(step.command.output_schema):
            raise Refused(_("/{command} makes no picture, so no step can follow it.").format(command=step.command.name))
    for step in steps[1:]:
        if step.picture_field is None:
            raise Refused(
                _("/{command} takes no picture, so it can't follow a step.").format(command=step.command.name)
            )
        _check_inputs(step, is_last=step is steps[-1])
    if not frozenset(Context).intersection(*(step.command.offer.contexts for step in steps)):
        raise Refused(_("There is no place where all of these commands can be used."))
    arrow = " → ".join(f"/{step.command.name}" for step in steps)
    layout = _ask_for_one_picture(steps[0].command.layout)
    return Chain(name=name, description=description or arrow, steps=tuple(steps), layout=layout, is_command=is_command)


def plan_steps(chain: Chain, options: ParsedOptions) -> tuple[StepPlan, ...]:
    """Return what each step asks for, given the options of the first; raise UserError if a step lacks something."""
    first = chain.steps[0].command
    *between, last = chain.steps[1:]
    return (
        plan_step(first, options),
        *(_plan_later(step, options.prompt, is_last=False) for step in between),
        _plan_later(last, options.prompt, is_last=True),
    )


def check_chain(actor: Actor, chain: Chain, rules: RunRules) -> None:
    """Raise Refused if the server's rules say so of the chain's own name, or somebody may not run one of its steps."""
    if chain.command is not None:
        apply_server_rules(actor, chain.command, rules.server)
    for step in chain.steps:
        decide_run(actor, RunRequest(command=step.command.name, target=step.command.target), rules)


def _plan_later(step: ChainStep, prompt: str | None, *, is_last: bool) -> StepPlan:
    """Return the plan of a step with a picture. What it needs in words is what the person asked for."""
    layout, picture = step.command.layout, step.picture_field or ""
    given = step.input
    if not is_last:
        given = {name: value for name, value in given.items() if name not in layout.count_fields}
        layout = _ask_for_one_picture(layout)
    values: dict[str, Any] = {**given, picture: _PICTURE}
    asks = layout.prompt_field
    if asks is not None and asks in layout.required and not values.get(asks):
        values[asks] = prompt
    options = parse_options(layout, values)
    accepted = layout.field(picture)
    plan = plan_step(step.command, options)
    return replace(
        plan, picture=layout.names.get(picture, picture), accepts=accepted.accepts if accepted is not None else ()
    )


def plan_step(command: Command, options: ParsedOptions) -> StepPlan:
    """Return what a run of the command with these options asks for."""
    return StepPlan(
        command=command.name,
        target=str(command.target),
        input=options.input,
        output_schema=command.output_schema,
        prompt=options.prompt,
        summary=options.summary,
        expected=options.expected_outputs,
    )


def _check_inputs(step: ChainStep, *, is_last: bool) -> None:
    """Raise Refused if a step needs more than a picture and words."""
    try:
        _plan_later(step, _ANY_PROMPT, is_last=is_last)
    except UserError as error:
        raise Refused(
            _("/{command} can't follow a step. {reason}").format(command=step.command.name, reason=error.sentence)
        ) from error


def _ask_for_one_picture(layout: OptionLayout) -> OptionLayout:
    """Return the layout without the number of outputs: a step hands one picture on, and each costs money."""
    counts = [field for field in layout.fields if field.name in layout.count_fields]
    if not counts:
        return layout
    keys = {field.name for field in counts}
    return replace(
        layout,
        fields=tuple(field for field in layout.fields if field.name not in keys),
        hidden=(*layout.hidden, *counts),
        options=tuple(option for option in layout.options if option.field not in keys),
        overflow=tuple(key for key in layout.overflow if key not in keys),
        required=tuple(key for key in layout.required if key not in keys),
        defaults={**layout.defaults, **{field.name: max(1, int(field.minimum or 1)) for field in counts}},
        count_fields=(),
    )


class ConfiguredChains:
    """The chains of the configuration, as far as the commands that are their steps exist now."""

    def __init__(self, specs: Sequence[ChainSpec], catalog: Catalog) -> None:
        self._specs = tuple(specs)
        self._catalog = catalog
        self._built: dict[str, tuple[tuple[Command, ...], Chain | Refused]] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names of all of them, also of those whose commands are not known yet."""
        return frozenset(spec.name for spec in self._specs)

    def __iter__(self) -> Iterator[Chain]:
        return iter([built for _spec, built in self.build() if isinstance(built, Chain)])

    def get(self, name: str) -> Chain | None:
        return next((chain for chain in self if chain.name == name), None)

    def build(self) -> list[tuple[ChainSpec, Chain | Refused]]:
        """Return each chain whose steps are known, or why they do not fit to each other."""
        return [(spec, built) for spec in self._specs if (built := self._build(spec)) is not None]

    def _build(self, spec: ChainSpec) -> Chain | Refused | None:
        found = [self._catalog.get(name) for name in spec.steps]
        commands = tuple(command for command in found if command is not None)
        if len(commands) < len(found):
            return None  # a model that is not known yet; it is tried again
        known = self._built.get(spec.name)
        if known is not None and all(old is new for old, new in zip(known[0], commands, strict=True)):
            return known[1]
        built: Chain | Refused
        try:
            steps = [ChainStep(command=command) for command in commands]
            built = build_chain(spec.name, steps, description=spec.description, is_command=True)
        except Refused as error:
            log.warning("chain_skipped", chain=spec.name, reason=error.sentence)
            built = error
        self._built[spec.name] = commands, built
        return built
