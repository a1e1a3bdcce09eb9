"""One use of a preset: what of it fits the command as it is now, what was given, and what is still to be asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import BadOption
from bot.formatting import single_line, truncate
from bot.language import _
from bot.options.coercion import coerce_value
from bot.options.fields import Field
from bot.options.files import accepts_images
from bot.options.layout import OptionLayout, build_layout
from bot.options.parse import check_not_blank
from bot.presets.draft import asks_words, fill_template, select_fields
from bot.store.presets import Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetFit:
    """``values`` are the fixed inputs that fit, ``asked`` the keys that still exist; ``misfits`` say what does not."""

    values: Mapping[str, Any]
    asked: tuple[str, ...]
    misfits: tuple[str, ...]


def check_fit(preset: Preset, layout: OptionLayout) -> PresetFit:
    """Return what of a preset can be used with a command as it is now."""
    misfits = dict(_find_misfits(preset, layout))
    return PresetFit(
        values={key: value for key, value in preset.fixed.items() if key not in misfits},
        asked=tuple(key for key in preset.asked if key not in misfits),
        misfits=tuple(misfits.values()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetUse:
    """``values`` are known, by the model's keys; ``open`` are the inputs to be asked for, None if there are none.

    ``template`` is the prompt that the words asked for go into, None if they are known.
    """

    values: Mapping[str, Any]
    open: OptionLayout | None
    prompt_field: str | None = None
    template: str | None = None

    def complete(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values with the answers (by the model's keys) in their places; BadOption for blank words."""
        values = {**self.values, **answers}
        if self.template is not None and self.prompt_field is not None:
            words = _to_text(answers.get(self.prompt_field))
            if words is not None and self.open is not None:
                check_not_blank(self.open.names[self.prompt_field], words)
            values[self.prompt_field] = fill_template(self.template, words)
        return {key: value for key, value in values.items() if value is not None}


def plan_use(
    preset: Preset, fit: PresetFit, layout: OptionLayout, *, words: str | None = None, image: Any = None
) -> PresetUse:
    """Return what a use with these words and this picture needs; raise BadOption for a picture with no input."""
    values = dict(fit.values)
    prompt_field = layout.prompt_field if preset.template is not None else None
    open_keys = [key for key in fit.asked if key != prompt_field]
    template = None
    if prompt_field is not None and preset.template is not None:
        if asks_words(preset.template) and not (words and words.strip()):
            template = preset.template
            open_keys.append(prompt_field)
        else:
            values |= {prompt_field: filled} if (filled := fill_template(preset.template, words)) else {}
    if image is not None:
        values[_choose_image_field(layout, values, fit.asked)] = image
    known = {key for key, value in values.items() if value not in (None, "")}
    open_keys += [key for key in layout.required if key not in known]
    still_open = select_fields(layout, [key for key in open_keys if key not in known])
    return PresetUse(
        values=values,
        open=_build_open(layout, still_open, prompt_field if template is not None else None) if still_open else None,
        prompt_field=prompt_field,
        template=template,
    )


def build_command_layout(preset: Preset, fit: PresetFit, layout: OptionLayout) -> OptionLayout:
    """Return the options of a preset as a command: what each use is asked for."""
    plan = plan_use(preset, fit, layout)
    return plan.open or build_layout((), model=layout.model)


def read_options(layout: OptionLayout, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values given to a preset's own command, by option name, by the model's keys."""
    by_key: dict[str, list[Any]] = {}
    for name, value in values.items():
        option = layout.option(name)
        if option is not None and option.field is not None:
            by_key.setdefault(option.field, []).append(value)
    return {key: given if len(given) > 1 else given[0] for key, given in by_key.items()}


def _find_misfits(preset: Preset, layout: OptionLayout) -> Iterator[tuple[str, str]]:
    for key, value in preset.fixed.items():
        field = layout.field(key)
        if field is None:
            yield key, _("`{input}` is no longer an input here.").format(input=_code(key))
        elif not field.accepts_files:
            try:
                coerce_value(field, value, layout.names[key])
            except BadOption as error:
                yield key, error.sentence
    for key in preset.asked:
        if layout.field(key) is None:
            yield key, _("`{input}`, which it asks for, is no longer an input here.").format(input=_code(key))
    if preset.template is not None and layout.prompt_field is None:
        yield "", _("The command no longer takes a prompt.")


def _code(key: str) -> str:
    return truncate(single_line(key), 60).replace("`", "'")


def _build_open(layout: OptionLayout, fields: Sequence[Field], prompt_field: str | None) -> OptionLayout:
    keys = {field.name for field in fields}
    required = [key for key in layout.required if key in keys]
    if prompt_field is not None and prompt_field not in required:
        required.append(prompt_field)
    defaults = {key: value for key, value in layout.defaults.items() if key in keys and key not in required}
    return build_layout(fields, model=layout.model, required=required, defaults=defaults)


def _choose_image_field(layout: OptionLayout, values: Mapping[str, Any], asked: tuple[str, ...]) -> str:
    """Return the input that gets a picture: one that is asked for first, else the command's own that is free."""
    pictures = [field.name for field in layout.fields if field.accepts_files and accepts_images(field.accepts)]
    free = [name for name in pictures if name not in values]
    chosen = next((name for name in free if name in asked), layout.image_field if layout.image_field in free else None)
    if chosen is None:
        raise BadOption("image", _("This preset takes no picture beside its own."))
    return chosen


def _to_text(value: Any) -> str | None:
    return None if value is None else str(value)
