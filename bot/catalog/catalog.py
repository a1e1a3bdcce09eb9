"""The catalog: which commands exist, configured and added at run time."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from bot.backends.replicate.errors import ReplicateError
from bot.backends.replicate.types import ModelRef
from bot.catalog.resolve import ModelResolver, ResolvedModel, as_user_errors
from bot.catalog.search import ModelSummary
from bot.catalog.ttl_cache import TTLCache
from bot.clock import Clock
from bot.errors import Refused, UserError
from bot.limits import GLOBAL_COMMANDS
from bot.options.config_validation import config_problems
from bot.options.fields import Field, read_fields, read_output_schema
from bot.options.layout import OptionLayout, build_layout
from bot.settings import CommandSpec
from bot.settings.commands import RESERVED_NAMES, check_name
from bot.store.commands import CommandRow, Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One slash command's model. ``target`` is pinned: a community model always has its version.

    ``added``: somebody added it while the bot ran; otherwise it is configured.
    """

    name: str
    description: str
    target: ModelRef
    plan: OptionLayout
    output_schema: Mapping[str, Any] = field(repr=False)
    added: bool = False


log = structlog.get_logger(__name__)

# The name of what runs any model; no model's own command can have it.
ANY_MODEL: Final = "run"

# Resolving asks Replicate up to twice; at start a few go at once.
_AT_ONCE: Final = 4
# A form is opened, filled in and sent: so long the model behind it is not asked for again.
_FRESH: Final = 900.0
_KEPT: Final = 200


class Catalog:
    """Every model command, by name. Knows nothing of Discord: registering them is the cogs' business."""

    def __init__(
        self,
        *,
        specs: Sequence[CommandSpec],
        hidden: Sequence[str],
        resolver: ModelResolver,
        rows: Commands,
        clock: Clock,
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._hidden = tuple(hidden)
        self._resolver = resolver
        self._rows = rows
        self._clock = clock
        self._commands: dict[str, Command] = {}
        self._looked_at: TTLCache[ModelRef, Command] = TTLCache(clock=clock, seconds=_FRESH, most=_KEPT)

    def __iter__(self) -> Iterator[Command]:
        return iter(tuple(self._commands.values()))

    def get(self, name: str) -> Command | None:
        """Return the command of that name, if there is one."""
        return self._commands.get(name)

    async def load(self) -> tuple[str, ...]:
        """Make every command that is configured or was added and is not there yet.

        Returns the names of those that could not be made because Replicate could not be asked: worth another try.
        A model that Replicate does not know is logged and left out; the others do not suffer for it.
        """
        added = [_spec(row) for row in await self._rows.list_all() if row.name not in self._specs]
        wanted = (*self._specs.values(), *added)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def attempt(spec: CommandSpec) -> str | None:
            async with turns:
                return await self._try(spec)

        results = await asyncio.gather(*(attempt(spec) for spec in wanted if spec.name not in self._commands))
        # People may have added and removed some meanwhile. The order of the configuration is the one that they see.
        there = [*self._specs, *(row.name for row in await self._rows.list_all())]
        self._commands = {name: self._commands[name] for name in there if name in self._commands}
        return tuple(name for name in results if name is not None)

    async def resolve(self, target: ModelRef) -> Command:
        """Return a command for any model, for one run of it. UnknownModel when there is no such model, or NotNow."""
        known = self._looked_at.get(target)
        if known is not None:
            return known
        with as_user_errors():
            resolved = await self._resolver.resolve(target)
        command = self._command(CommandSpec(name=ANY_MODEL, target=target), resolved)
        self._looked_at.put(target, command)
        return command

    async def listing(self, target: ModelRef) -> ModelSummary:
        """Return what Replicate says about a target's model now. UnknownModel or NotNow when it does not."""
        with as_user_errors():
            return ModelSummary.of(await self._resolver.page(target))

    async def add(self, name: str, target: ModelRef, *, by: int) -> Command:
        """Add a command and remember it; its version is pinned now.

        Refused, UnknownModel or NotNow say why it cannot be.
        """
        try:
            check_name(name)
        except ValueError as error:
            raise Refused(str(error)) from error
        if name in self._commands or name in self._specs:
            raise Refused(f"There is a /{name} already. Choose another name, or remove that one first.")
        if len(self._commands) + len(RESERVED_NAMES) >= GLOBAL_COMMANDS:
            raise Refused(f"Discord takes {GLOBAL_COMMANDS} commands, and they are used up. Remove one first.")
        with as_user_errors():
            resolved = await self._resolver.resolve(target)
        if name in self._commands:
            raise Refused(f"Somebody just added another /{name}. Choose another name.")
        command = self._command(CommandSpec(name=name, target=target), resolved)
        await self._remember(command, by=by)
        self._commands[name] = command
        return command

    async def remove(self, name: str) -> None:
        """Forget an added command. Refused for a configured one: that is for the one who runs the bot."""
        # One whose model is gone is no command any more, and still there to be forgotten.
        if name in self._specs or not await self._rows.remove(name):
            self._added(name)
        self._commands.pop(name, None)

    async def newest(self, name: str) -> Command:
        """Return what an added command would be with its model's newest version."""
        command = self._added(name)
        with as_user_errors():
            resolved = await self._resolver.resolve(replace(command.target, version=None))
        return self._command(CommandSpec(name=name, target=resolved.target), resolved)

    async def switch(self, command: Command, *, by: int) -> None:
        """Put a newer version of an added command in its place and remember it."""
        self._added(command.name)
        await self._remember(command, by=by)
        self._commands[command.name] = command

    async def _try(self, spec: CommandSpec) -> str | None:
        try:
            resolved = await self._resolver.resolve(spec.target)
        except UserError as unknown:
            log.warning("A command was left out.", command=spec.name, reason=unknown.sentence)
            return None
        except ReplicateError as error:
            remembered = await self._resolver.remembered(spec.target)
            if remembered is None:
                log.warning(
                    "A command has to wait: Replicate did not tell its model.", command=spec.name, error=str(error)
                )
                return spec.name
            resolved = remembered
            log.warning("A command is as it was last time.", command=spec.name, error=str(error))
        self._commands[spec.name] = self._command(spec, resolved)
        return None

    def _command(self, spec: CommandSpec, resolved: ResolvedModel) -> Command:
        own = read_fields(resolved.schema)
        for problem in config_problems(own, required=spec.required, defaults=spec.defaults, limits=spec.limits):
            log.warning("A command's configuration does not fit its model.", command=spec.name, problem=problem)
        fields = tuple(_limited(field, spec.limits) for field in own)
        plan = build_layout(
            fields,
            model=resolved.target.model,
            hidden=(*self._hidden, *spec.hidden),
            required=spec.required,
            defaults=spec.defaults,
        )
        return Command(
            name=spec.name,
            description=spec.description or resolved.description or f"Run {resolved.target.model}",
            target=resolved.target,
            plan=plan,
            output_schema=read_output_schema(resolved.schema),
            added=spec.name not in self._specs,
        )

    def _added(self, name: str) -> Command:
        command = self._commands.get(name)
        if command is None:
            raise Refused(f"There is no /{name}. /models list shows what there is.")
        if not command.added:
            raise Refused(f"/{name} is configured, not added. Whoever runs the bot can change it.")
        return command

    async def _remember(self, command: Command, *, by: int) -> None:
        row = CommandRow(
            name=command.name,
            target=str(command.target),
            description=command.description,
            added_by=by,
            added_at=self._clock.now(),
        )
        await self._rows.save(row)


def _spec(row: CommandRow) -> CommandSpec:
    return CommandSpec(name=row.name, target=ModelRef.parse(row.target), description=row.description)


def _limited(field: Field, limits: Mapping[str, float]) -> Field:
    """Lower a number field's maximum to what the configuration allows."""
    most = limits.get(field.name)
    if most is None or (field.maximum is not None and field.maximum <= most):
        return field
    return replace(field, maximum=most)
