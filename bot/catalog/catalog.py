"""The commands that exist, configured and added at run time, and how each is prepared from its model's schema."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog
from cachetools import TTLCache
from rapidfuzz import fuzz, process

from bot.backends.errors import BackendError
from bot.backends.replicate.types import ModelRef
from bot.backends.target import ServedModel, Target
from bot.catalog.output_media import note_media
from bot.catalog.resolve import ModelResolver, ResolvedModel, as_user_errors
from bot.catalog.search import ModelSummary
from bot.clock import Clock
from bot.errors import BadOption, Refused, UserError
from bot.language import _
from bot.limits import GLOBAL_COMMANDS
from bot.options.coercion import coerce_value
from bot.options.fields import Field, read_fields
from bot.options.layout import OptionLayout, build_layout
from bot.options.schema import read_output_schema
from bot.outputs.output_schema import contains_files
from bot.own_commands import OwnCommand
from bot.settings import CommandSpec
from bot.settings.commands import RESERVED_NAMES, CommandOffer, CommandRole, check_name
from bot.store.commands import CommandRow, Commands
from bot.visibility import Visibility

_MATCH_CUTOFF: Final = 50.0  # percent of letters alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One slash command's model.

    ``hidden`` are the inputs that nobody may set, ``limits`` the largest values of number inputs. ``role`` is what the
    command does with a picture, if it has one and the model can do it.

    ``target`` is pinned: a community model always has its version. ``added``: an editor added the command while the bot
    ran; otherwise it is configured. ``problems`` are sentences about settings that do not fit the model; the command
    works without them. ``offer`` is where and to whom Discord offers it, ``visibility`` who sees a result where nobody
    chose. ``sample`` has inputs for a first run, all of which the model accepts.
    """

    name: str
    description: str
    target: Target
    layout: OptionLayout
    output_schema: Mapping[str, Any] = field(repr=False)
    role: CommandRole | None = None
    hidden: frozenset[str] = frozenset()
    limits: Mapping[str, float] = field(default_factory=dict)
    added: bool = False
    problems: tuple[str, ...] = ()
    offer: CommandOffer = field(default_factory=CommandOffer)
    visibility: Visibility = Visibility.PUBLIC
    sample: Mapping[str, Any] = field(default_factory=dict, repr=False)


def find_governing_command(commands: Iterable[Command], name: str, target: Target) -> Command | None:
    """Return the command whose rules a run of this target has to keep; None for a model that is no command's.

    That is the command of this name if it runs the model, else the first that does. Versions do not matter.
    """
    same_model = [command for command in commands if _is_same_model(command.target, target)]
    return next((command for command in same_model if command.name == name), next(iter(same_model), None))


def _is_same_model(first: Target, second: Target) -> bool:
    if isinstance(first, ServedModel) or isinstance(second, ServedModel):
        return first == second
    return first.deployment == second.deployment and first.model.casefold() == second.model.casefold()


def merge_specs(configured: Sequence[CommandSpec], added: Sequence[CommandRow]) -> tuple[CommandSpec, ...]:
    """Return the configured specs, then those of the added commands.

    A configured command replaces an added one, and so does one of the bot's own that an earlier version did not have.
    """
    names = {*RESERVED_NAMES, *(spec.name for spec in configured)}
    return (
        *configured,
        *(
            CommandSpec(name=row.name, target=ModelRef.parse(row.target), description=row.description)
            for row in added
            if row.name not in names
        ),
    )


def prepare_command(
    spec: CommandSpec, resolved: ResolvedModel, *, hidden: Sequence[str] = (), added: bool = False
) -> Command:
    """Return the command for a spec whose model is resolved. ``hidden`` are inputs that no command shows."""
    fields = read_fields(resolved.schema)
    layout = build_layout(
        [_apply_limit(field, spec.limits) for field in fields],
        model=resolved.target.model,
        hidden=(*hidden, *spec.hidden),
        required=spec.required,
        defaults=spec.defaults,
    )
    output_schema = read_output_schema(resolved.schema)
    role_problem = _find_role_problem(spec.role, layout, output_schema) if spec.role is not None else None
    sample_problems = tuple(_find_sample_problems(spec.sample, layout))
    return Command(
        name=spec.name,
        description=spec.description or resolved.description or f"Run {resolved.target.model}",
        target=resolved.target,
        layout=layout,
        output_schema=note_media(output_schema, fields, spec.role if role_problem is None else None),
        role=spec.role if role_problem is None else None,
        hidden=frozenset({*hidden, *spec.hidden}),
        limits=spec.limits,
        added=added,
        problems=(*_find_problems(spec, fields), *filter(None, [role_problem]), *sample_problems),
        offer=spec.offer,
        visibility=spec.visibility,
        sample=spec.sample if not sample_problems else {},
    )


def _apply_limit(field: Field, limits: Mapping[str, float]) -> Field:
    """Lower a number field's maximum to the configured one."""
    limit = limits.get(field.name)
    if limit is None or (field.maximum is not None and field.maximum <= limit):
        return field
    return replace(field, maximum=limit)


def _find_problems(spec: CommandSpec, fields: Sequence[Field]) -> Iterator[str]:
    """Yield a sentence for every name that the model does not have and every default that it does not accept.

    The inputs hidden in all commands are not checked: one list serves all models.
    """
    by_name = {field.name: field for field in fields}
    settings: dict[str, Collection[str]] = {
        "required": spec.required,
        "hidden": spec.hidden,
        "defaults": spec.defaults,
        "limits": spec.limits,
    }
    for setting, names in settings.items():
        yield from (_describe_unknown(setting, name, by_name) for name in names if name not in by_name)
    for name, value in spec.defaults.items():
        if name in by_name:
            yield from _check_value("defaults", by_name[name], value)


def _find_role_problem(role: CommandRole, layout: OptionLayout, output_schema: Mapping[str, Any]) -> str | None:
    """Return why a model cannot do what its command's role says, None if it can, as far as its schema tells."""
    if layout.image_field is None:
        return f"role: {role} needs an input for an image, and the model has none that people may set."
    if role is CommandRole.EDIT and layout.prompt_field is None:
        return f"role: {role} needs an input for a prompt, and the model has none that people may set."
    if role is not CommandRole.DESCRIBE and output_schema and not contains_files(output_schema):
        return f"role: {role} needs a model that returns a file."
    if role is CommandRole.DESCRIBE and output_schema and contains_files(output_schema):
        return f"role: {role} needs a model that returns text."
    return None


def _find_sample_problems(sample: Mapping[str, Any], layout: OptionLayout) -> Iterator[str]:
    """Yield a sentence for everything in a sample that people could not enter, or that they would have to add."""
    if not sample:
        return
    for name, value in sample.items():
        field = layout.field(name)
        if field is None:
            yield _describe_unknown("sample", name, [one.name for one in layout.fields])
        else:
            yield from _check_value("sample", field, value)
    missing = (name for name in layout.required if name not in sample)
    yield from (f"sample: {name} is missing, and the command needs it." for name in missing)


def _describe_unknown(setting: str, name: str, known: Collection[str]) -> str:
    near = process.extractOne(name, list(known), scorer=fuzz.ratio, score_cutoff=_MATCH_CUTOFF)
    hint = f"Did you mean {near[0]}?" if near else f"Its inputs are {', '.join(known)}."
    return f"{setting}: the model has no input {name}. {hint}"


def _check_value(setting: str, field: Field, value: Any) -> Iterator[str]:
    """Yield a sentence if a model's input cannot be what is configured for it; a file is a web address."""
    try:
        coerce_value(field, value, field.name)
    except BadOption as error:
        yield f"{setting}: {error.sentence}"


ANY_MODEL: Final = OwnCommand.RUN.value  # the command that runs any model; no model's own command can have this name

_CONCURRENT_RESOLVES: Final = 4  # at start; each is up to two requests to Replicate
# The time in which a person opens, fills in and submits a form; the model behind it is resolved once.
_RESOLVED_SECONDS: Final = 900.0
_LATEST_MODELS: Final = 8  # newer versions that editors look at
_RESOLVED_MODELS: Final = 32  # each takes 3 MB at most

log = structlog.get_logger(__name__)


class Catalog:
    """Every model command, by name. Registering them with Discord is the cogs' task."""

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
        self._seen: tuple[CommandRow, ...] = ()  # the added commands when they were last read
        self._resolved: TTLCache[tuple[Target, str | None], Command] = TTLCache(
            _RESOLVED_MODELS, _RESOLVED_SECONDS, clock.monotonic
        )
        self._latest: TTLCache[str, ResolvedModel] = TTLCache(_LATEST_MODELS, _RESOLVED_SECONDS, clock.monotonic)

    def __iter__(self) -> Iterator[Command]:
        return iter(tuple(self._commands.values()))

    @property
    def hidden(self) -> frozenset[str]:
        """The inputs that are hidden in every command."""
        return frozenset(self._hidden)

    def get(self, name: str) -> Command | None:
        return self._commands.get(name)

    def find_by_model(self, target: Target) -> Command | None:
        """Return the first command of a target's model, in any version."""
        return find_governing_command(self, ANY_MODEL, target)

    async def load(self) -> tuple[str, ...]:
        """Prepare every configured or added command that is missing, or that another process has changed.

        Returns the names of those to try again, because Replicate did not answer. A model that Replicate does not know
        is logged and left out; the other commands are not affected.
        """
        specs = merge_specs(tuple(self._specs.values()), await self._rows.list_all())
        missing = [spec for spec in specs if not self._is_current(spec)]
        slots = asyncio.Semaphore(_CONCURRENT_RESOLVES)

        async def load(spec: CommandSpec) -> bool:
            async with slots:
                return await self._load(spec)

        loaded = await asyncio.gather(*(load(spec) for spec in missing))
        # Commands may have been added and removed meanwhile. People see them in the order of the configuration.
        self._seen = rows = await self._rows.list_all()
        names = [*self._specs, *(row.name for row in rows)]
        self._commands = {name: self._commands[name] for name in names if name in self._commands}
        await self._forget_schemas(rows)
        return tuple(spec.name for spec, done in zip(missing, loaded, strict=True) if not done)

    async def has_changed(self) -> bool:
        """Return whether the added commands are others than when they were last loaded."""
        return self._seen != await self._rows.list_all()

    def _is_current(self, spec: CommandSpec) -> bool:
        command = self._commands.get(spec.name)
        return command is not None and (not command.added or command.target == spec.target)

    async def resolve_model(self, target: Target) -> Command:
        """Return a command for one run of any model. Raise UnknownModel or ReplicateUnavailable.

        A model that is a command's is asked for as that command is: with its limits, and without what it hides.
        """
        governing = self.find_by_model(target)
        key = target, governing.name if governing is not None else None
        cached = self._resolved.get(key)
        if cached is not None:
            return cached
        with as_user_errors():
            resolved = await self._resolver.resolve(target)
        spec = self._specs.get(governing.name) if governing is not None else None
        own = CommandSpec(name=ANY_MODEL, target=target)
        command = self._prepare(replace(spec, name=ANY_MODEL, target=target) if spec is not None else own, resolved)
        self._resolved[key] = command
        return command

    def find_resolved(self, command: str, target: Target) -> Command | None:
        """Return the command that runs a target, or a model that somebody looked at lately; None without asking."""
        looked_at = (self._resolved.get(key) for key in list(self._resolved))
        resolved = next((one for one in looked_at if one is not None and one.target == target), None)
        return find_governing_command(self, command, target) or resolved

    async def get_model_summary(self, target: Target) -> ModelSummary:
        """Return Replicate's current summary of a target's model. Raise UnknownModel or ReplicateUnavailable."""
        if isinstance(target, ServedModel):
            return ModelSummary(model=target.model)
        with as_user_errors():
            return ModelSummary.from_model(await self._resolver.get_model(target))

    async def add(self, name: str, target: ModelRef, *, by: int) -> Command:
        """Add a command for the model's current version and store it.

        ``by`` is the editor's user id. Raise Refused, UnknownModel or ReplicateUnavailable.
        """
        try:
            check_name(name)
        except ValueError as error:
            raise Refused(str(error)) from error
        self._require_free(name)
        if len(self._commands) + len(RESERVED_NAMES) >= GLOBAL_COMMANDS:
            raise Refused(
                _("Discord allows {count} commands, and all are in use. Remove one first.").format(
                    count=GLOBAL_COMMANDS
                )
            )
        with as_user_errors():
            resolved = await self._resolver.resolve(target)
        self._require_free(name)  # someone else may have added it meanwhile
        command = self._prepare(CommandSpec(name=name, target=target), resolved)
        await self._store(command, by=by)
        self._commands[name] = command
        await self._resolver.cache(command.target, resolved)
        return command

    async def remove(self, name: str) -> None:
        """Remove an added command. Raise Refused for a configured or unknown one."""
        # A command whose model no longer exists is not in the catalog, but its row can still be removed.
        if name in self._specs or not await self._rows.remove(name):
            self._require_added(name)
        self._commands.pop(name, None)
        await self._forget_schemas(await self._rows.list_all())

    async def build_latest(self, name: str) -> Command:
        """Return an added command as it would be with its model's latest version."""
        target = self._require_added(name).target
        if isinstance(target, ServedModel):
            raise Refused(
                _("/{name} comes from the bot's configuration, so it can't be changed here.").format(name=name)
            )
        with as_user_errors():
            resolved = await self._resolver.resolve(replace(target, version=None))
        self._latest[name] = resolved
        return self._prepare(CommandSpec(name=name, target=resolved.target), resolved)

    async def update(self, command: Command, *, by: int) -> None:
        """Replace an added command by this one, which has the same name and another version, and store it."""
        self._require_added(command.name)
        await self._store(command, by=by)
        self._commands[command.name] = command
        latest = self._latest.pop(command.name, None)
        if latest is not None and latest.target == command.target:
            await self._resolver.cache(command.target, latest)

    async def _load(self, spec: CommandSpec) -> bool:
        """Prepare one command; return False if Replicate did not answer and the schema is not cached."""
        try:
            resolved = await self._resolver.resolve(spec.target)
        except UserError as error:
            log.warning("command_skipped", command=spec.name, reason=error.sentence)
            return True
        except BackendError as error:
            cached = await self._resolver.get_cached(spec.target)
            if cached is None:
                log.warning("command_postponed", command=spec.name, error=str(error))
                return False
            resolved = cached
            log.warning("command_loaded_from_cache", command=spec.name, error=str(error))
        try:
            command = self._prepare(spec, resolved)
        except UserError as error:
            log.warning("command_skipped", command=spec.name, reason=error.sentence)
            return True
        await self._resolver.cache(spec.target, resolved)
        for problem in command.problems:
            log.warning("command_misconfigured", command=spec.name, problem=problem)
        self._commands[spec.name] = command
        return True

    def _prepare(self, spec: CommandSpec, resolved: ResolvedModel) -> Command:
        return prepare_command(spec, resolved, hidden=self._hidden, added=spec.name not in self._specs)

    async def _forget_schemas(self, added: Sequence[CommandRow]) -> None:
        """Delete the cached schemas that no command needs."""
        specs = merge_specs(tuple(self._specs.values()), added)
        await self._resolver.forget_others(
            {*(spec.target for spec in specs), *(command.target for command in self._commands.values())}
        )

    def _require_free(self, name: str) -> None:
        if name in self._commands or name in self._specs:
            raise Refused(
                _("/{name} already exists. Choose another name, or remove that command first.").format(name=name)
            )

    def _require_added(self, name: str) -> Command:
        command = self._commands.get(name)
        if command is None:
            raise Refused(_("There is no /{name}. See all commands with /models list.").format(name=name))
        if not command.added:
            raise Refused(
                _("/{name} comes from the bot's configuration, so it can't be changed here.").format(name=name)
            )
        return command

    async def _store(self, command: Command, *, by: int) -> None:
        await self._rows.save(
            CommandRow(
                name=command.name,
                target=str(command.target),
                description=command.description,
                added_by=by,
                added_at=self._clock.now(),
            )
        )
