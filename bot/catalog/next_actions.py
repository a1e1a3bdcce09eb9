"""What can be done next with the pictures, or the text, of a result: a pure function of the commands that exist.

Every command that takes an image is an action. One with a role in COMMANDS_FILE is offered by what it does, any other
as "Use in /name", and the model that made the result can vary it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from bot.backends.target import parse_target
from bot.catalog.catalog import Catalog, Command
from bot.limits import SELECT_OPTIONS
from bot.media.types import find_references
from bot.options.fields import Field, FieldKind
from bot.options.files import is_image_usable
from bot.options.layout import OptionLayout
from bot.outputs.output_schema import contains_files
from bot.settings.commands import CommandRole
from bot.store.models import Run

# The inputs that tell a model how far to go from the picture that it is given.
_STRENGTHS: Final = frozenset({
    "strength", "prompt_strength", "image_strength", "denoise", "denoise_strength", "denoising_strength",
    "img2img_strength", "image_to_image_strength", "image_prompt_strength", "init_image_strength", "variation_strength",
})  # fmt: skip
_SEEDS: Final = frozenset({"seed", "random_seed", "noise_seed", "sampler_seed"})
_SEED_MAX: Final = 2**31 - 1  # what models take whose schema does not say


class NextAction(StrEnum):
    """What is done with a result; the members go in the order in which they are offered."""

    VARY = "vary"
    UPSCALE = "upscale"
    EDIT = "edit"
    ANIMATE = "animate"
    DESCRIBE = "describe"
    REMOVE_BACKGROUND = "remove-background"
    USE = "use"
    USE_AS_PROMPT = "prompt"


_ACTIONS: Final[Mapping[CommandRole | None, NextAction]] = {
    None: NextAction.USE,
    CommandRole.UPSCALE: NextAction.UPSCALE,
    CommandRole.EDIT: NextAction.EDIT,
    CommandRole.ANIMATE: NextAction.ANIMATE,
    CommandRole.DESCRIBE: NextAction.DESCRIBE,
    CommandRole.REMOVE_BACKGROUND: NextAction.REMOVE_BACKGROUND,
}


@dataclass(frozen=True, slots=True)
class NextOffer:
    """One choice under a result: an action, and the name of the command that does it.

    ``alternatives``: other commands do the same, so its name has to be told.
    """

    action: NextAction
    command: str
    alternatives: bool = False

    @property
    def value(self) -> str:
        """What a select sends when it is chosen."""
        return f"{self.action}:{self.command}"


class NextOffers:
    """What can be done with a result, with the commands of this moment."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def of_images(
        self, run: Run | None, mimes: Collection[str], *, may_run: Callable[[Command], bool] = lambda _: True
    ) -> tuple[NextOffer, ...]:
        """Return what can be done with images of these types, which ``run`` made; None if they are anybody's."""
        own = self._catalog.find_resolved(run.command, parse_target(run.target)) if run is not None else None
        return list_image_offers(self._catalog, mimes, own=own, may_run=may_run)

    def find_try_on(self, run: Run) -> Command | None:
        """Return what somebody would try a picture of their own with, after seeing a result of this run."""
        first = run if run.chain is None else run.chain.steps[0]
        own = self._catalog.find_resolved(first.command, parse_target(first.target))
        return find_try_on_command(self._catalog, own=own)

    def of_text(self, run: Run, *, may_run: Callable[[Command], bool] = lambda _: True) -> tuple[NextOffer, ...]:
        """Return what can be done with a text, if ``run`` described an image."""
        command = self._catalog.get(run.command)
        if command is None or command.role is not CommandRole.DESCRIBE:
            return ()
        return list_text_offers(self._catalog, may_run=may_run)


def list_image_offers(
    commands: Iterable[Command],
    mimes: Collection[str],
    *,
    own: Command | None = None,
    may_run: Callable[[Command], bool] = lambda _: True,
) -> tuple[NextOffer, ...]:
    """Return what can be done with images of these types, each at least with one of them.

    ``own`` is the command, or model, that made them; None if that is not known. ``may_run`` says whether whoever asks
    may run a command.
    """
    if not mimes:
        return ()
    usable = [command for command in find_image_commands(commands) if _takes_any(command, mimes) and may_run(command)]
    offers = [NextOffer(_ACTIONS[command.role], command.name) for command in usable]
    if own is not None and may_run(own) and can_vary(own.layout):
        offers.append(NextOffer(NextAction.VARY, own.name))
    return _sort_offers(offers)


def list_text_offers(
    commands: Iterable[Command], *, may_run: Callable[[Command], bool] = lambda _: True
) -> tuple[NextOffer, ...]:
    """Return the commands that make something of a description: a prompt goes in, a file comes out."""
    return _sort_offers(
        NextOffer(NextAction.USE_AS_PROMPT, command.name)
        for command in commands
        if command.role is None
        and command.layout.prompt_field is not None
        and contains_files(command.output_schema)
        and may_run(command)
    )


def first_offers(offers: Sequence[NextOffer]) -> tuple[Sequence[NextOffer], Sequence[NextOffer]]:
    """Return the offers of a select, and those that do not fit into it: one place is then for "More…"."""
    if len(offers) <= SELECT_OPTIONS:
        return offers, ()
    return offers[: SELECT_OPTIONS - 1], offers[SELECT_OPTIONS - 1 :]


def prefer_command(offers: Sequence[NextOffer], command: str | None) -> Sequence[NextOffer]:
    """Return the offers of the command that a person prefers, if it is one of them, else all."""
    return [offer for offer in offers if offer.command == command] or offers


def find_offer(offers: Iterable[NextOffer], value: str) -> NextOffer | None:
    """Return the offer that was chosen, None if it is not one of these."""
    return next((offer for offer in offers if offer.value == value), None)


def find_image_commands(commands: Iterable[Command]) -> list[Command]:
    """Return the commands whose input names image types, or else those that take any file."""
    taking_files = [command for command in commands if command.layout.image_field is not None]
    return [command for command in taking_files if _image_field(command).accepts] or taking_files


def find_seed_field(layout: OptionLayout) -> Field | None:
    """Return the input for the seed, None if there is none that people may set."""
    return next(
        (field for field in layout.fields if field.kind is FieldKind.INTEGER and field.name.lower() in _SEEDS), None
    )


def find_try_on_command(
    commands: Iterable[Command], *, own: Command | None, preferred: str | None = None
) -> Command | None:
    """Return the command that does with a person's own picture what ``own``, which made a result, did; None without.

    That is the same model if it takes an image, else the one that the person prefers, else the command that edits
    images with words, else the first that makes something of an image and a prompt.
    """
    if own is not None and own.layout.image_field is not None:
        return own
    takes_both = [one for one in find_image_commands(commands) if one.layout.prompt_field is not None]
    editing = [one for one in takes_both if one.role is CommandRole.EDIT]
    drawing = [one for one in takes_both if one.role is None and contains_files(one.output_schema)]
    chosen = [one for one in takes_both if one.name == preferred and contains_files(one.output_schema)]
    return next(iter((*chosen, *editing, *drawing)), None)


def try_on_values(command: Command, run_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a run's input goes along with another picture, by the model's keys: everything but files."""
    layout = command.layout
    kept = {field.name: run_input[field.name] for field in layout.fields if run_input.get(field.name) is not None}
    return {name: value for name, value in kept.items() if name != layout.image_field and not find_references(value)}


def takes_own_pictures(layout: OptionLayout) -> bool:
    """Return whether the model can start from a picture: an input for one, and for how far to go from it."""
    return layout.image_field is not None and any(field.name.lower() in _STRENGTHS for field in layout.fields)


def can_vary(layout: OptionLayout) -> bool:
    """Return whether the same model can make something similar: else running it again is all there is."""
    return find_seed_field(layout) is not None or takes_own_pictures(layout)


def choose_seed(field: Field, draw: Callable[[int], int]) -> int:
    """Return a new seed within the field's bounds; ``draw(n)`` returns a random number below n."""
    low = int(field.minimum) if field.minimum is not None else 0
    high = int(field.maximum) if field.maximum is not None else max(low, _SEED_MAX)
    low = max(low, min(0, high))  # below zero stands for "random" in some models
    return low + draw(high - low + 1)


def asked_fields(command: Command, action: NextAction, given: Collection[str]) -> tuple[str, ...]:
    """Return the keys of the inputs that a person has to fill in before the action can start, () for none.

    ``given`` are those that are known. "Edit with words" asks for the words in any case.
    """
    layout = command.layout
    if action is NextAction.USE:
        return tuple(field.name for field in layout.fields if field.name not in given)
    wanted = {*layout.required, *((layout.prompt_field,) if action is NextAction.EDIT else ())}
    return tuple(field.name for field in layout.fields if field.name in wanted and field.name not in given)


def vary_values(
    layout: OptionLayout, values: Mapping[str, Any], picture: Any, *, draw: Callable[[int], int]
) -> dict[str, Any]:
    """Return a run's values, by the model's keys, for a variation: a new seed, and the picture if it can go in."""
    varied = dict(values)
    seed = find_seed_field(layout)
    if seed is not None:
        varied[seed.name] = choose_seed(seed, draw)
    if picture is not None and layout.image_field is not None:
        varied[layout.image_field] = picture
    return varied


def _takes_any(command: Command, mimes: Iterable[str]) -> bool:
    accepts = _image_field(command).accepts
    return any(is_image_usable(accepts, mime) for mime in mimes)


def _image_field(command: Command) -> Field:
    field = command.layout.field(command.layout.image_field or "")
    if field is None:
        raise ValueError(f"/{command.name} takes no image.")
    return field


def _sort_offers(offers: Iterable[NextOffer]) -> tuple[NextOffer, ...]:
    """Return the offers in the order of their actions, those marked that do the same as others."""
    ordered = sorted(offers, key=lambda offer: list(NextAction).index(offer.action))
    actions = [offer.action for offer in ordered]
    return tuple(replace(offer, alternatives=actions.count(offer.action) > 1) for offer in ordered)
