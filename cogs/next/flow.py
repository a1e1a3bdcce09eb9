"""From a choice to a run: which image, a form if something has to be asked, then one run for each image.

Everything that can refuse the run does so in private, before anything is sent to a backend.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ParamSpec

import discord
import structlog

from bot.catalog.catalog import ANY_MODEL, Catalog, Command
from bot.catalog.next_actions import (
    NextAction,
    NextOffer,
    NextOffers,
    asked_fields,
    can_vary,
    find_offer,
    takes_own_pictures,
    vary_values,
)
from bot.catalog.run_access import may_run
from bot.characters.placement import restore_written
from bot.clock import Clock
from bot.errors import Refused, UserError
from bot.limits import MODAL_COMPONENTS, TEXT_INPUT_CHARS
from bot.media.types import find_references
from bot.options.form import FilledForm, OptionForm, build_form, restore_values
from bot.outputs.parse import RawText, parse_output
from bot.runs import Run, parse_target
from bot.store.errors import AlreadyStarted
from bot.store.models import RunParent
from bot.store.runs import Runs
from bot.ui.first_response import (
    defer,
    delete_followup,
    delete_response,
    edit_message,
    edit_response,
    refresh_message,
    send_modal,
)
from bot.ui.modals import Answers, FormModal
from bot.ui.render.cards import Card, Tone, sentence_card
from bot.ui.render.money import already_started
from bot.ui.render.next import (
    describe_picked,
    format_offer,
    image_gone,
    no_images_left,
    no_text,
    not_offered,
    started_some,
    starting_several,
)
from bot.ui.render.reuse import explain_missing_files
from bot.ui.render.strings import JUST_PRESSED
from bot.ui.requests import REQUEST_ERRORS
from bot.ui.respond import NotStarted, explain_error, respond, respond_with_card
from bot.visibility import Visibility
from cogs.cost_question import ask_about_cost
from cogs.double_press import DOUBLE_PRESS_SECONDS, DoublePresses
from cogs.next.cards import Interaction, not_all_started_card, which_image_card
from cogs.next.pictures import Picture, Subject
from cogs.permissions import RunAccess, actor_of, check_repeatable
from cogs.start_run import RunStarter

P = ParamSpec("P")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody chose to do with one of the pictures, and the command that does it.

    ``by_select``: in the select of the result itself, which stays, and can be used again.
    """

    subject: Subject
    offer: NextOffer
    command: Command
    by_select: bool

    @property
    def asks(self) -> bool:
        """Whether a form asks for something besides the picture."""
        return _asks(self.offer, self.command)

    @property
    def needs_no_picture(self) -> bool:
        """Whether it is the same for every picture of the result."""
        return self.offer.action is NextAction.VARY and not takes_own_pictures(self.command.layout)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One of several runs that a press starts: its id stays the same however often that is tried."""

    id: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Question:
    """A private card that was answered: the interaction that it was sent for, and its id."""

    asked_by: Interaction
    card_id: int

    @classmethod
    def of_press(cls, press: Interaction, asked_by: Interaction) -> "Question | None":
        """Return the card that was pressed."""
        return None if press.message is None else cls(asked_by, press.message.id)


class NextFlow:
    """Does what was chosen. ``draw(n)`` returns a random number below n, for new seeds, ``new_id`` an id of a run.

    ``question`` is the private card that asked last; it goes when its answer has an effect.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        offers: NextOffers,
        runs: Runs,
        starter: RunStarter,
        access: RunAccess,
        clock: Clock,
        draw: Callable[[int], int],
        new_id: Callable[[], str],
    ) -> None:
        self._catalog = catalog
        self._offers = offers
        self._runs = runs
        self._starter = starter
        self._access = access
        self._draw = draw
        self._new_id = new_id
        self._presses = DoublePresses(DOUBLE_PRESS_SECONDS, clock)

    def may_open_form(self, offer: NextOffer) -> bool:
        """Return whether a form may have to be the first response to a choice."""
        if offer.action is NextAction.USE_AS_PROMPT:
            return True
        command = self._catalog.get(offer.command)
        return command is not None and _asks(offer, command)

    async def list_offers(self, interaction: Interaction, subject: Subject) -> tuple[NextOffer, ...]:
        """Return what the person of the interaction may do with the pictures."""
        may_run = await self._load_rights(interaction)
        return self._offers.of_images(subject.run, subject.mimes, may_run=may_run)

    async def list_text_offers(self, interaction: Interaction, run: Run) -> tuple[NextOffer, ...]:
        """Return what the person of the interaction may do with the text of a run."""
        return self._offers.of_text(run, may_run=await self._load_rights(interaction))

    async def choose(
        self,
        interaction: Interaction,
        subject: Subject,
        offer: NextOffer,
        *,
        question: Question | None = None,
        by_select: bool = False,
    ) -> None:
        """Start what is offered with the one picture, or ask which one first.

        ``by_select``: it was chosen in the select of the result itself, which stays, and can be used again.
        """
        command = await self._require_command(interaction, subject, offer)
        choice = Choice(subject=subject, offer=offer, command=command, by_select=by_select)
        if choice.needs_no_picture:
            await self._start_once(interaction, choice, None, question=question)
        elif len(subject.pictures) == 1:
            await self._begin(interaction, choice, self._plan(subject.pictures), question=question)
        else:
            await self._ask_which(interaction, choice)
            await _close(question)

    async def use_text(self, interaction: Interaction, run: Run, offer: NextOffer) -> None:
        """Show the form of a command with a run's text as its prompt."""
        command = self._catalog.get(offer.command)
        if command is None or find_offer(await self.list_text_offers(interaction, run), offer.value) is None:
            raise Refused(not_offered(offer.command))
        text = _text_of(run)[:TEXT_INPUT_CHARS]
        if not text or command.layout.prompt_field is None:
            raise Refused(no_text())
        form = build_form(command.layout, {command.layout.prompt_field: text})

        async def start_run(answer: Interaction, answers: Answers) -> None:
            await refresh_message(answer)
            # The picture that is described decides who may see what is made of the description. Without one of a run
            # it is the description itself, which may be its author's alone.
            parent = run.parent or RunParent(run.id)
            await self._starter.start(answer, form.fill(answers), command=command, parent=parent)

        await send_modal(interaction, FormModal(form, title=f"/{command.name}", submitted=start_run))

    async def _require_command(self, interaction: Interaction, subject: Subject, offer: NextOffer) -> Command:
        """Return the command behind an offer; raise Refused if it is gone, or not for this person."""
        if offer.action is not NextAction.VARY:
            command = self._catalog.get(offer.command)
            if command is not None:
                await self._access.decide(interaction, command=command.name, target=command.target)
            if command is None or find_offer(await self.list_offers(interaction, subject), offer.value) is None:
                raise Refused(not_offered(offer.command))
            return command
        run = subject.run
        if run is None:
            raise Refused(not_offered(offer.command))
        target = parse_target(run.target)
        decision = await self._access.decide(interaction, command=run.command, target=target)
        governing = decision.command
        is_known = governing is not None or self._catalog.find_resolved(ANY_MODEL, target) is not None
        if not is_known and not interaction.response.is_done():
            await refresh_message(interaction)  # Replicate may take longer than Discord waits
        own = governing or await self._catalog.resolve_model(target)
        if not can_vary(own.layout):
            raise Refused(not_offered(run.command))
        return own

    async def _ask_which(self, interaction: Interaction, choice: Choice) -> None:
        if choice.by_select:
            await _refresh(interaction)
        pictures = choice.subject.pictures
        if any(not picture.url for picture in pictures):
            if not interaction.response.is_done():
                await defer(interaction, ephemeral=True, thinking=True)
            pictures = tuple([picture async for picture in _located(pictures)])
        located = replace(choice, subject=replace(choice.subject, pictures=pictures), by_select=False)
        card = self._build_card(located, asked_by=interaction)
        if interaction.response.type is discord.InteractionResponseType.deferred_channel_message:
            await edit_response(interaction, view=card)
        else:
            await respond_with_card(interaction, card)

    def _build_card(self, choice: Choice, *, asked_by: Interaction) -> Card:
        """Return the card that asks which image. It starts something once: a second press would pay twice."""
        planned = self._plan(choice.subject.pictures)

        async def begin(press: Interaction, chosen: Sequence[Picture]) -> None:
            runs = [one for one in planned if one.picture in chosen]
            await self._begin(press, choice, runs, question=Question.of_press(press, asked_by))

        run = choice.subject.run
        return which_image_card(
            choice.offer,
            choice.subject.pictures,
            begin if choice.asks else _once(begin),  # a form may be closed, and opened again
            spoiler=run is not None and run.visibility is Visibility.SPOILER,
            several=not choice.asks,
        )

    async def _begin(
        self, interaction: Interaction, choice: Choice, runs: Sequence[PlannedRun], *, question: Question | None
    ) -> None:
        """Show a form if something has to be asked, else start a run for each picture."""
        if choice.asks:
            await self._ask(interaction, choice, runs[0].picture, question=question)
        elif len(runs) == 1:
            await self._start_once(interaction, choice, runs[0], question=question)
        else:
            await self._start_several(interaction, choice, runs, question=question)

    async def _start_once(
        self, interaction: Interaction, choice: Choice, run: PlannedRun | None, *, question: Question | None
    ) -> None:
        """Start a run at one press, without a question before it; the second press of a double press is refused."""
        source = choice.subject.run
        button = choice.offer.value, choice.subject.pictures[0].filename if source is None else source.id
        with self._presses.once(interaction, button, JUST_PRESSED):
            picture, run_id = (None, None) if run is None else (run.picture, run.id)
            await self._start(interaction, choice, picture, run_id=run_id, question=question)

    def _plan(self, pictures: Sequence[Picture]) -> list[PlannedRun]:
        return [PlannedRun(self._new_id(), picture) for picture in pictures]

    async def _ask(
        self, interaction: Interaction, choice: Choice, picture: Picture, *, question: Question | None
    ) -> None:
        form = _build_form(choice.command, choice.offer.action)

        async def start_run(answer: Interaction, answers: Answers) -> None:
            await self._start(answer, choice, picture, form=form.fill(answers), question=question)

        note = describe_picked(picture.number if choice.subject.run is not None else None, picture.filename)
        is_use = choice.offer.action is NextAction.USE
        title = f"/{choice.command.name}" if is_use else format_offer(choice.offer).rstrip("…")
        await send_modal(interaction, FormModal(form, title=title, submitted=start_run, note=note))

    async def _start(
        self,
        interaction: Interaction,
        choice: Choice,
        picture: Picture | None,
        *,
        run_id: str | None = None,
        form: FilledForm | None = None,
        question: Question | None = None,
        is_confirmed: bool = False,
    ) -> None:
        if choice.by_select:
            await _refresh(interaction)
        elif question is not None and not interaction.response.is_done():
            await defer(interaction)  # the card goes, and what is read first may take longer than Discord waits
        await self._check_still_there(choice.subject, picture)
        values = await self._values(interaction, choice, picture)
        await self._starter.start(
            interaction,
            values if form is None else replace(form, known=values),
            command=choice.command,
            parent=choice.subject.parent(picture),
            visibility=Visibility.PRIVATE if choice.offer.action is NextAction.DESCRIBE else None,
            run_id=run_id,
            is_confirmed=is_confirmed,
        )
        await _close(question)

    async def _start_several(
        self,
        interaction: Interaction,
        choice: Choice,
        runs: Sequence[PlannedRun],
        *,
        question: Question | None,
        is_confirmed: bool = False,
    ) -> None:
        """Start a run for each picture, each a message of its own; say how many did not start, and why."""
        if not is_confirmed:
            values = await self._values(interaction, choice, runs[0].picture)
            cost = await self._starter.cost_to_confirm(values, command=choice.command, runs=len(runs))
            if cost is not None:
                start = partial(self._start_several, choice=choice, runs=runs, question=None)
                await ask_about_cost(
                    interaction,
                    cost,
                    runs=len(runs),
                    run_it=partial(start, is_confirmed=True),
                    change_it=partial(self.choose, subject=choice.subject, offer=choice.offer),
                )
                await _close(question)
                return
        await self._start_rest(interaction, choice, runs, count=len(runs))

    async def _start_rest(
        self, interaction: Interaction, choice: Choice, runs: Sequence[PlannedRun], *, count: int
    ) -> None:
        """Start the last of ``count`` runs; where one cannot start now, it and the rest can be tried again."""
        await edit_message(interaction, view=sentence_card(starting_several(len(runs)), tone=Tone.INFO))
        refusal: UserError | None = None
        started = 0
        for run in runs:
            try:
                await self._start(interaction, choice, run.picture, run_id=run.id, is_confirmed=True)
            except AlreadyStarted:
                log.info("run_started_before", run=run.id)
            except UserError as error:
                refusal = error
                break
            started += 1
        with suppress(*REQUEST_ERRORS):
            await delete_response(interaction)
        if refusal is None:
            return
        sentence = started_some(count - len(runs) + started, count, explain_error(interaction, refusal))
        card: Card | None = None
        if isinstance(refusal, NotStarted) and refusal.is_passing:
            rest = partial(self._start_rest, choice=choice, runs=runs[started:], count=count)
            card = not_all_started_card(sentence, _once(rest))
        await respond(interaction, sentence, card=card)

    async def _values(self, interaction: Interaction, choice: Choice, picture: Picture | None) -> dict[str, Any]:
        """Return the values of a run, but for what a form asked."""
        if choice.offer.action is NextAction.VARY and choice.subject.run is not None:
            return await self._vary(interaction, choice.subject.run, choice.command, picture)
        return {choice.command.layout.image_field or "": picture} if picture is not None else {}

    async def _check_still_there(self, subject: Subject, picture: Picture | None) -> None:
        """Raise Refused if the result, or the image of it, was deleted since the card or the form was shown."""
        if subject.run is None:
            return
        run = await self._runs.get(subject.run.id)
        if run is None or run.deleted_at is not None:
            raise Refused(no_images_left())
        if picture is None or picture.number is None:
            return
        outputs = await self._runs.list_outputs(run.id)
        if not any(one.number == picture.number and one.removed_at is None for one in outputs):
            raise Refused(image_gone(picture.number))

    async def _vary(
        self, interaction: Interaction, run: Run, command: Command, picture: Picture | None
    ) -> dict[str, Any]:
        """Return the values of a run for a variation of it; raise Refused if they are gone, or not for this person."""
        layout = command.layout
        replaced = layout.image_field if picture is not None else None
        kept = {name: value for name, value in run.input.items() if name != replaced}
        check_repeatable(replace(run, input=kept), user_id=interaction.user.id)
        files = await self._runs.list_files(run.id)
        values = restore_values(layout, kept, files)
        written = {name: value for name, value in run.written.items() if name in kept}
        if interaction.user.id == run.author_id:  # the names in it are of their characters
            values = restore_written(values, written, files)
        if any(name not in values and find_references(value) for name, value in kept.items()):
            raise Refused(explain_missing_files(run))
        return vary_values(layout, values, picture, draw=self._draw)

    async def _load_rights(self, interaction: Interaction) -> Callable[[Command], bool]:
        """Return what says whether the person may run a command here and now."""
        actor, rules = actor_of(interaction), await self._access.load_rules(interaction)
        return lambda command: may_run(actor, command, rules)


def _asks(offer: NextOffer, command: Command) -> bool:
    known = (command.layout.image_field or "",)
    return offer.action is not NextAction.VARY and bool(asked_fields(command, offer.action, known))


def _build_form(command: Command, action: NextAction) -> OptionForm:
    """Return a form of what has to be asked; the words are not optional where they are what is asked for."""
    layout = command.layout
    image = layout.image_field or ""
    asked = asked_fields(command, action, (image,))
    unasked = [field.name for field in layout.fields if field.name not in asked]
    form = build_form(layout, exclude=unasked, max_components=MODAL_COMPONENTS - 1)
    if action is not NextAction.EDIT or layout.prompt_field is None:
        return form
    words = layout.names[layout.prompt_field]
    fields = tuple(replace(part, required=True) if part.key == words else part for part in form.fields)
    return replace(form, fields=fields)


def _once(start: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Return what starts something at a press, and refuses a second one, unless the first started nothing."""
    has_started = False

    async def start_once(*args: P.args, **kwargs: P.kwargs) -> None:
        nonlocal has_started
        if has_started:
            raise Refused(already_started())
        has_started = True
        try:
            await start(*args, **kwargs)
        except BaseException:
            has_started = False
            raise

    return start_once


async def _located(pictures: Sequence[Picture]) -> AsyncIterator[Picture]:
    """Yield the pictures whose addresses can be found, with them; raise Refused if it is none."""
    refusal: Refused | None = None
    found = False
    for picture in pictures:
        try:
            url = await picture.find_url()
        except Refused as error:
            refusal = error
            continue
        found = True
        yield replace(picture, url=url)
    if not found and refusal is not None:
        raise refusal


def _text_of(run: Run) -> str:
    """Return the text that a run gave."""
    texts = [part.text for part in parse_output(run.output, run.output_schema) if isinstance(part, RawText)]
    return "\n\n".join(texts).strip()


async def _refresh(interaction: Interaction) -> None:
    if not interaction.response.is_done():
        await refresh_message(interaction)


async def _close(question: Question | None) -> None:
    """Delete a private card that has been answered."""
    if question is not None:
        with suppress(*REQUEST_ERRORS):
            await delete_followup(question.asked_by, question.card_id)
