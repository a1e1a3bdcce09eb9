"""Keep what was entered for a run until it starts, so that a refusal gives everything back.

Most of it is a row: a press may arrive in another process, or after a restart. Keys and passwords are in memory alone,
and so is everything while the database does not answer. Files are on disk (``kept_files``).
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import discord
import structlog

from bot.characters.completion import recalled_run
from bot.characters.placement import restore_written
from bot.clock import Clock
from bot.errors import BadOption, Refused, UserError
from bot.formatting import truncate
from bot.language import _
from bot.limits import REFUSED_RUN_KEPT, REFUSED_RUNS_HELD
from bot.media.types import StoredFile, find_references, format_reference, parse_reference
from bot.options.entered import collect_entered, find_remarked
from bot.options.files import BadFile, RemoteFile
from bot.options.form import FilledForm, restore_values
from bot.options.layout import OptionLayout
from bot.runs import Run
from bot.runs.engine import Restarting
from bot.secrets import contains_secret, is_secret_name
from bot.store.errors import AlreadyStarted, QuotaExceeded, StoreError
from bot.store.models import RunParent
from bot.store.refused_runs import EnteredFile, RefusedRun, RefusedRuns
from bot.store.runs import Runs
from bot.ui.components import RefusedRunAction, RefusedRunButton
from bot.ui.render import refused_runs as words
from bot.ui.respond import NotStarted, PromptReturned, explain_error
from bot.visibility import Visibility
from cogs.fix_it.kept_files import KeptFile, KeptFiles

Values = Mapping[str, Any] | FilledForm
"""What a run is started with: values by option name, or a form that was filled in and may have mistakes."""

_PASSING: Final = (QuotaExceeded, Restarting, StoreError)  # the same run may start later
_WRITE_SECONDS: Final = 1.0  # Discord takes a first response for three, and the refusal is one
_CLEAN_INTERVAL: Final = 60.0  # seconds
_NAME_CHARS: Final = 40  # of a file, in a remark
# Words, with what follows the names of values in a text, also in one that cannot be parsed. Every word is consumed, so
# that the search takes linear time.
_WORDS: Final = re.compile(r"([^\s=:,\"“”]++)([ \t\"”]*+[=:])?")

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A run that somebody wants to start: all that is needed to start it again.

    ``run_id`` stays the same however often that is tried, so that it is started once. ``values`` are replaced as more
    is known of them; those of *Again* are the run's, ``again_run_id``. ``is_allowed``: the person may run the command.
    ``may_fix``: they may see and change what it is given.
    """

    run_id: str
    command: str
    target: str
    values: Mapping[str, Any] = field(default_factory=dict)
    layout: OptionLayout | None = None
    chain: str | None = None
    again_run_id: str | None = None
    parent: RunParent | None = None
    visibility: Visibility | None = None
    is_allowed: bool = False
    may_fix: bool = True

    @property
    def prompt(self) -> str | None:
        """The prompt that was typed, if one was."""
        if self.layout is None or self.layout.prompt_field is None:
            return None
        prompt = collect_entered(self.layout, self.values).values.get(self.layout.prompt_field)
        return prompt if isinstance(prompt, str) and prompt.strip() else None

    def read(self, values: Values) -> Mapping[str, Any]:
        """Return the values of a form, or those given; raise BadOption for mistakes in the form."""
        if isinstance(values, FilledForm):
            self.values = values.parse()
        return self.values


def entered_values(values: Values) -> Mapping[str, Any]:
    """Return values as they were entered."""
    return values.collect() if isinstance(values, FilledForm) else values


@dataclass(frozen=True, slots=True)
class RestoredValues:
    """The values of a refused run, and remarks about them, by the model's keys; the one of "" is about them all.

    ``lost`` are the remarks about files that cannot be kept any longer.
    """

    values: Mapping[str, Any]
    remarks: Mapping[str, str]
    lost: Mapping[str, str]


@dataclass(slots=True)
class _HeldRun:
    """A refused run in memory. ``is_stored``: it is over when its row is gone."""

    refused: RefusedRun
    secrets: Mapping[str, Any]
    is_stored: bool = False


class RefusedRunKeeper:
    """Keeps refused runs, and finds them again."""

    def __init__(self, *, rows: RefusedRuns, runs: Runs, files: KeptFiles, clock: Clock) -> None:
        self._rows = rows
        self._runs = runs
        self._files = files
        self._clock = clock
        self._held: OrderedDict[str, _HeldRun] = OrderedDict()
        self._missed: frozenset[str] = frozenset()  # those of them whose rows were gone a minute ago

    async def run(self) -> None:
        """Delete what is too old, for as long as the bot runs; the rows go with everything else that is."""
        try:
            while True:
                oldest = self._clock.now() - REFUSED_RUN_KEPT
                for refused_id in [one for one, held in self._held.items() if held.refused.created_at <= oldest]:
                    del self._held[refused_id]
                await self._files.delete_old()
                await self._forget_gone()
                await self._clock.sleep(_CLEAN_INTERVAL)
        finally:
            await self._files.close()

    @asynccontextmanager
    async def guard(self, interaction: discord.Interaction[Any], attempt: Attempt) -> AsyncIterator[None]:
        """Keep what was entered if the run is refused in the block; raise NotStarted then.

        What no change of the inputs helps against is raised with the prompt, so that it can be used elsewhere. That it
        was started before is no refusal.
        """
        try:
            yield
        except (NotStarted, AlreadyStarted):
            raise
        except (UserError, StoreError) as error:
            is_passing = isinstance(error, _PASSING)
            if not is_passing and not (attempt.is_allowed and attempt.may_fix):
                if attempt.prompt is None:
                    raise
                sentence = words.with_prompt(explain_error(interaction, error), attempt.prompt)
                raise PromptReturned(
                    sentence, attempt.prompt if words.is_long_prompt(attempt.prompt) else None
                ) from error
            action = RefusedRunAction.TRY_AGAIN if is_passing else RefusedRunAction.FIX
            refused_id = await self._keep_attempt(interaction, attempt, error)
            raise NotStarted(error, RefusedRunButton(action, refused_id)) from error

    async def find(self, refused_id: str, person_id: int) -> RefusedRun:
        """Return a refused run of a person; raise Refused if it is gone, or another's."""
        held = self._held.get(refused_id)
        now = self._clock.now()
        try:
            refused = await self._rows.get(refused_id, now=now)
        except StoreError:
            if held is None:
                raise
            refused = held.refused
        if refused is None and held is not None and not held.is_stored:
            refused = held.refused
        if refused is not None and held is not None and held.refused.created_at == refused.created_at:
            refused = held.refused  # with what is in no row
        if refused is None or refused.created_at <= now - REFUSED_RUN_KEPT:
            raise Refused(words.expired())
        if refused.person_id != person_id:
            raise Refused(words.not_yours())
        return refused

    async def restore(self, refused: RefusedRun, layout: OptionLayout) -> RestoredValues:
        """Return the values of a refused run, for a form or to start it as it is."""
        held = self._held.get(refused.id)
        entered = {**refused.entered, **(held.secrets if held is not None else {})}
        files = [await self._find_file(refused, file) for file in refused.files]
        lost = {
            key: words.file_gone(truncate(refused.files[number].name, _NAME_CHARS))
            for key, value in entered.items()
            if layout.field(key) is not None
            for number in _references(value)
            if number < len(files) and files[number] is None
        }
        remarks = {**refused.remarks, **{key: remark for key, remark in lost.items() if key not in refused.remarks}}
        return RestoredValues(restore_values(layout, entered, files), remarks, lost)

    async def keep(self, refused: RefusedRun, secrets: Mapping[str, Any], *, to_disk: bool = True) -> None:
        """Keep a refused run in memory and, but for its ``secrets``, in its row."""
        held = self._held[refused.id] = _HeldRun(refused, secrets)
        self._held.move_to_end(refused.id)
        while len(self._held) > REFUSED_RUNS_HELD:
            self._held.popitem(last=False)
        if not to_disk:
            return
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                held.is_stored = await self._rows.put(_without_secrets(refused, secrets))
        except (StoreError, TimeoutError) as error:
            log.warning("refused_run_not_stored", refused=refused.id, error=str(error))

    async def forget(self, refused: RefusedRun) -> None:
        """Delete a run that was started, with its files."""
        self._held.pop(refused.id, None)
        try:
            await self._rows.delete(refused.id)
        except StoreError as error:  # it goes with its time
            log.warning("refused_run_not_deleted", refused=refused.id, error=str(error))
        await self._files.delete(refused.person_id, refused.id)

    async def forget_person(self, person_id: int) -> None:
        """Delete what is in memory and on disk of a person; the rows are the database's."""
        for refused_id in [one for one, held in self._held.items() if held.refused.person_id == person_id]:
            del self._held[refused_id]
        await self._files.delete(person_id)

    async def _forget_gone(self) -> None:
        """Forget what has no row any longer: another process started it, or erased its person's data.

        Of an erasure a message tells, which may be lost. A press here may be reading its files, so it is forgotten when
        it is missed for the second time.
        """
        asked = {one: held for one, held in self._held.items() if held.is_stored}
        try:
            gone = asked.keys() - await self._rows.find_stored(asked.keys())
        except StoreError as error:
            log.warning("refused_runs_not_compared", error=str(error))
            return
        for refused_id in gone & self._missed:
            held = asked[refused_id]
            if self._held.get(refused_id) is held:
                del self._held[refused_id]
                await self._files.delete(held.refused.person_id, refused_id)
        self._missed = frozenset(gone - self._missed)

    async def _keep_attempt(self, interaction: discord.Interaction[Any], attempt: Attempt, error: Exception) -> str:
        """Keep an attempt and return the id of the refused run."""
        is_passing = isinstance(error, _PASSING)
        refused = RefusedRun(
            id=attempt.run_id,
            person_id=interaction.user.id,
            command=attempt.command,
            target=attempt.target,
            chain=attempt.chain,
            again_run_id=attempt.again_run_id,
            entered={},
            remarks={} if is_passing else _remarks(attempt.layout, error, explain_error(interaction, error)),
            parent=attempt.parent,
            visibility=attempt.visibility,
            created_at=self._clock.now(),
        )
        secrets: Mapping[str, Any] = {}
        if attempt.layout is not None:
            given = {name: value for name, value in attempt.values.items() if recalled_run(value) is None}
            entered = collect_entered(attempt.layout, given)
            parts = _SortedValues(attempt.layout, entered.values, refused.id, unusable=_unusable(error))
            secrets = parts.secrets
            refused = replace(
                refused,
                entered=parts.open,
                text=entered.text,
                files=tuple(parts.files),
                visibility=entered.visibility or attempt.visibility,
            )
            if any(file.run_id is None for file in refused.files):
                self._files.keep(interaction.client, refused.person_id, refused.id, parts.arriving)
        await self.keep(refused, secrets, to_disk=not isinstance(error, StoreError))
        return refused.id

    async def _find_file(self, refused: RefusedRun, file: EnteredFile) -> KeptFile | StoredFile | None:
        if file.run_id is None:
            return await self._files.find(
                refused.person_id, refused.id, name=file.name, number=file.number, size=file.size
            )
        stored = await self._runs.list_files(file.run_id)
        return stored[file.number] if file.number < len(stored) else None


def restore_run(layout: OptionLayout, run: Run, files: Sequence[StoredFile], *, is_author: bool) -> RestoredValues:
    """Return what a run was given, for its author as they wrote it, and remarks about files that are no longer stored.

    The names in what was written are of its author's characters.
    """
    written = run.written if is_author else {}
    values = restore_written(restore_values(layout, run.input, files), written, files)
    lost = {
        key: _("This run's file is no longer stored. Attach it again.")
        for key, value in run.input.items()
        if layout.field(key) is not None
        and any(number >= len(files) for number in find_references(written.get(key, value)))
    }
    return RestoredValues(values, lost, lost)


class _SortedValues:
    """What was entered, by where it is kept: ``open`` in the row, ``secrets`` in memory, ``arriving`` files on disk."""

    def __init__(
        self, layout: OptionLayout, values: Mapping[str, Any], refused_id: str, *, unusable: object | None
    ) -> None:
        self.open: dict[str, Any] = {}
        self.secrets: dict[str, Any] = {}
        self.files: list[EnteredFile] = []
        self.arriving: dict[int, RemoteFile] = {}
        self._refused_id = refused_id
        self._unusable = unusable
        kept = [file for value in values.values() for file in _as_list(value) if self._is_kept(file)]
        self._next = 1 + max((file.number for file in kept), default=-1)
        for name, value in values.items():
            field = layout.field(name)
            if field is not None and field.accepts_files:
                parts = [part for file in _as_list(value) if (part := self._sort_file(file)) is not None]
                if parts:
                    self.open[name] = parts
            elif is_secret_name(name) or contains_secret(value):
                self.secrets[name] = value
            else:
                self.open[name] = value

    def _is_kept(self, file: object) -> bool:
        return isinstance(file, KeptFile) and file.refused_id == self._refused_id

    def _sort_file(self, file: Any) -> str | None:
        """Return a file as it is in the row; None for one that cannot be used, or is nobody's."""
        if self._unusable is not None and file is self._unusable:
            return None
        if isinstance(file, str):
            return None if parse_reference(file) is not None else file
        if isinstance(file, StoredFile):
            entered = EnteredFile(file.name, file.number, file.size, file.run_id)
        elif isinstance(file, KeptFile) and self._is_kept(file):
            entered = EnteredFile(file.filename, file.number, file.size)
        elif isinstance(file, RemoteFile):
            entered = EnteredFile(file.filename, self._next, file.size)
            self.arriving[self._next] = file
            self._next += 1
        else:
            return None
        self.files.append(entered)
        return format_reference(len(self.files) - 1)


def _without_secrets(refused: RefusedRun, secrets: Mapping[str, Any]) -> RefusedRun:
    """Return what a row may have: no text that names a key or password, and no remark about the value of one."""
    names_secret = any(sign and is_secret_name(word) for word, sign in _WORDS.findall(refused.text))
    remarks = {key: remark for key, remark in refused.remarks.items() if key not in secrets}
    return replace(refused, text="" if names_secret else refused.text, remarks=remarks)


def _unusable(error: Exception) -> object | None:
    return error.source if isinstance(error, BadFile) else None


def _remarks(layout: OptionLayout | None, error: Exception, sentence: str) -> dict[str, str]:
    """Return what is wrong, by the key of the input, "" if it is no single one."""
    name = error.option if isinstance(error, BadOption) else error.about if isinstance(error, Refused) else None
    if name is not None and layout is not None:
        name = find_remarked(layout, name)
    return {name or "": sentence}


def _references(value: Any) -> Iterator[int]:
    for part in _as_list(value):
        number = parse_reference(part)
        if number is not None:
            yield number


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
