"""Parse the values given to a command into the model's input, or raise one sentence that says why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from rapidfuzz import fuzz, process

from bot.errors import BadOption, UserError
from bot.formatting import clean_text, single_line, truncate
from bot.language import _, ngettext
from bot.media.types import InputFile, Media, format_reference, parse_reference
from bot.options.coercion import coerce_value, parse_url, parse_urls
from bot.options.fields import Field, FieldKind
from bot.options.files import (
    AttachedFile,
    RemoteFile,
    UploadedFile,
    WebFile,
    check_file_size,
    check_total_size,
    describe_types,
)
from bot.options.key_value_text import parse_pairs
from bot.options.layout import OptionLayout
from bot.options.options import OptionRole
from bot.options.text import summarize
from bot.options.validation import shared_validation_steps

_QUOTED_CHARS: Final = 40  # of a wrong key that a message repeats
_MATCH_CUTOFF: Final = 50.0  # percent of letters alike
_MAX_EXPECTED: Final = 10_000  # outputs; no model makes more, and a progress bar of so many says nothing
_IMAGE_ENDINGS: Final = ("png", "jpg", "jpeg", "webp", "gif")
_EMPTY_TEXT_KINDS: Final = (FieldKind.STRING, FieldKind.STRINGS, FieldKind.NUMBERS)  # can be set to nothing


@dataclass(frozen=True, slots=True)
class RawValue:
    """One value, under the name of the option that it was entered in."""

    option: str
    value: Any


@dataclass(frozen=True, slots=True)
class InputFiles:
    """A run's input files as read. ``notes`` are sentences about files that were changed.

    ``thumbnail`` is the first input image: a small copy of it, or its address; None also for a file of an earlier run.
    """

    media: tuple[InputFile, ...]
    notes: tuple[str, ...]
    thumbnail: Media | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedOptions:
    """What a run needs of the values given to a command.

    ``input`` refers to each file as ``file:<n>``, an index into ``files``. ``prompt`` is the model's default where none
    was given. ``expected_outputs`` is None if the model does not count its outputs. ``images`` are the references and
    addresses in ``input`` that can be images.
    """

    input: Mapping[str, Any]
    files: tuple[InputFile | AttachedFile, ...] = ()
    prompt: str | None = None
    summary: str = ""
    expected_outputs: int | None = None
    images: tuple[str, ...] = ()

    def place_files(self, uploads: Sequence[UploadedFile]) -> InputFiles:
        """Return the input files, given each of ``files`` as it was read."""
        thumbnails = {format_reference(index): upload.thumbnail for index, upload in enumerate(uploads)}
        images = (thumbnails.get(image, image) for image in self.images)
        return InputFiles(
            media=tuple(upload.media for upload in uploads),
            notes=tuple(dict.fromkeys(note for upload in uploads for note in upload.notes)),
            thumbnail=next((image for image in images if image is not None), None),
        )


def parse_options(layout: OptionLayout, values: Mapping[str, Any], *, fetch_addresses: bool = False) -> ParsedOptions:
    """Return the model's input for these values; raise BadOption, or UserError if the command itself is at fault.

    ``values`` are by option name, or by any name that ``OptionLayout.find_field`` accepts; None means not given. A file
    is a ``RemoteFile``, to be downloaded later, or an ``InputFile``; several are a list. ``fetch_addresses``: files at
    web addresses are downloaded as well, because the model may not be sent there.
    """
    raw = _group_by_field(layout, values)
    with shared_validation_steps():
        coerced = {field.name: _coerce_field(field, raw[field.name]) for field in layout.fields if field.name in raw}
        _check_required(layout, coerced)
        inputs = _apply_defaults(layout, coerced)
    run_input, files = _replace_files(_fetch_addresses(layout, inputs) if fetch_addresses else inputs)
    check_total_size(files)
    prompt_field = layout.field(layout.prompt_field) if layout.prompt_field else None
    prompt = inputs.get(prompt_field.name, prompt_field.default) if prompt_field else None
    return ParsedOptions(
        input=run_input,
        files=files,
        prompt=prompt if isinstance(prompt, str) and prompt.strip() else None,
        summary=summarize(_told_fields(layout, inputs), inputs, prompt=layout.prompt_field),
        expected_outputs=_count_outputs(layout, inputs),
        images=_find_images(layout, run_input),
    )


def require_field(layout: OptionLayout, name: str, option: str) -> Field:
    """Return the field that a person means; raise BadOption with the nearest name if there is none."""
    field = layout.find_field(name)
    if field is not None:
        return field
    near = process.extractOne(
        name[:_QUOTED_CHARS].lower(), layout.names.values(), scorer=fuzz.ratio, score_cutoff=_MATCH_CUTOFF
    )
    unknown = truncate(single_line(name), _QUOTED_CHARS).replace("`", "")
    raise BadOption(option, _explain_unknown(unknown, near[0] if near else "", option="" if name == option else option))


def _explain_unknown(name: str, near: str, *, option: str) -> str:
    """Return that there is no such input; ``near`` is the name that may be meant, ``option`` where it stood."""
    if option and near:
        sentence = _("`{option}`: there is no input `{name}`. Did you mean `{near}`?")
    elif option:
        sentence = _("`{option}`: there is no input `{name}`.")
    elif near:
        sentence = _("There is no input `{name}`. Did you mean `{near}`?")
    else:
        sentence = _("There is no input `{name}`.")
    return sentence.format(option=option, name=name, near=near)


def _group_by_field(layout: OptionLayout, values: Mapping[str, Any]) -> dict[str, list[RawValue]]:
    """Return the raw values by field key, including the pairs in ``advanced``."""
    grouped: dict[str, list[RawValue]] = {}
    for name, value in values.items():
        if value is None or (isinstance(value, list | tuple) and not value):
            continue
        option = layout.option(name)
        if option is not None and option.role is OptionRole.ADVANCED:
            _add_pairs(layout, name, clean_text(str(value)), grouped)
        else:
            key = (option and option.field) or require_field(layout, name, name).name
            grouped.setdefault(key, []).append(RawValue(name, value))
    return grouped


def _add_pairs(layout: OptionLayout, advanced: str, text: str, grouped: dict[str, list[RawValue]]) -> None:
    for pair in parse_pairs(text, advanced):
        field = require_field(layout, pair.key, advanced)
        name = layout.names[field.name]
        if field.name in grouped and not field.accepts_files:
            raise BadOption(
                advanced, _("`{advanced}` sets `{name}` again. Keep only one.").format(advanced=advanced, name=name)
            )
        if not pair.value and field.kind not in _EMPTY_TEXT_KINDS:
            raise BadOption(
                advanced,
                _("`{advanced}`: `{name}` needs a value, as in `{name}=…`.").format(advanced=advanced, name=name),
            )
        grouped.setdefault(field.name, []).append(RawValue(name, pair.value))


def _coerce_field(field: Field, raw: Sequence[RawValue]) -> Any:
    if field.accepts_files:
        return _collect_files(field, raw)
    if len(raw) > 1:
        raise BadOption(raw[1].option, _("`{option}` is set twice. Keep only one.").format(option=raw[0].option))
    return coerce_value(field, raw[0].value, raw[0].option)


def _collect_files(field: Field, raw: Sequence[RawValue]) -> Any:
    """Return the one file or address, or the list of all of them, attachments first."""
    option = raw[0].option
    if field.kind is FieldKind.FILE and len(raw) > 1:
        raise BadOption(
            raw[1].option, _("Use either `{option}` or `{other}`, not both.").format(option=option, other=raw[1].option)
        )
    files = [file for value in raw for file in _read_files(field, value)]
    if field.kind is FieldKind.FILE:
        if len(files) != 1:
            raise BadOption(
                option, _("`{option}` accepts one file (you added {added}).").format(option=option, added=len(files))
            )
        return files[0]
    minimum, maximum = field.min_items or 0, field.max_items
    if len(files) < minimum:
        sentence = ngettext(
            "`{option}` needs at least {count} file (you added {added}).",
            "`{option}` needs at least {count} files (you added {added}).",
            minimum,
        )
        raise BadOption(option, sentence.format(option=option, count=minimum, added=len(files)))
    if maximum is not None and len(files) > maximum:
        sentence = ngettext(
            "`{option}` accepts at most {count} file (you added {added}).",
            "`{option}` accepts at most {count} files (you added {added}).",
            maximum,
        )
        raise BadOption(option, sentence.format(option=option, count=maximum, added=len(files)))
    return sorted(files, key=lambda file: isinstance(file, str))


def _read_files(field: Field, raw: RawValue) -> list[InputFile | AttachedFile | str]:
    files: list[InputFile | AttachedFile | str] = []
    for value in raw.value if isinstance(raw.value, list | tuple) else [raw.value]:
        if isinstance(value, InputFile):
            files.append(value)
        elif isinstance(value, RemoteFile):
            check_file_size(raw.option, value.filename, value.size)
            files.append(AttachedFile(raw.option, value, field.accepts))
        elif field.kind is FieldKind.FILES:
            files.extend(parse_urls(value, raw.option))
        else:
            files.append(parse_url(value, raw.option))
    return files


def _check_required(layout: OptionLayout, coerced: Mapping[str, Any]) -> None:
    """Raise for the first required input that is missing, before anything is paid."""
    for hidden in layout.hidden:
        if hidden.required and hidden.name not in layout.defaults:
            raise UserError(
                _(
                    "The model requires `{input}`, which can't be set here. "
                    "Ask the bot's owner to set a default for it."
                ).format(input=hidden.name)
            )
    for key in layout.required:
        field = layout.field(key)
        if field is None:
            continue
        is_free_text = field.kind is FieldKind.STRING and not field.choices
        value = coerced.get(key)
        is_blank = (is_free_text and isinstance(value, str) and not value.strip()) or (field.is_list and value == [])
        if key not in coerced or is_blank:
            _raise_missing(layout, field)


def check_not_blank(name: str, text: str) -> None:
    """Raise BadOption, naming the option, if a text that is required is empty or only blanks."""
    if not clean_text(text).strip():
        raise BadOption(name, _("`{name}` is required.").format(name=name))


def _raise_missing(layout: OptionLayout, field: Field) -> NoReturn:
    options = [option for option in layout.options if option.field == field.name]
    name = options[0].name if options else layout.names[field.name]
    if not field.accepts_files:
        raise BadOption(name, _("`{name}` is required.").format(name=name))
    url = next((option.name for option in options if option.role is OptionRole.URL), None)
    if url:
        # Translators: {types} is "an image", "an image or a video"; {name} and {url} are names of options.
        sentence = _("Attach {types} as `{name}`, or put its web address in `{url}`.")
    else:
        # Translators: {types} is "an image", "an image or a video"; {name} and {input} are names of options.
        sentence = _("Attach {types} as `{name}`, or write `{input}=https://…`.")
    raise BadOption(
        name,
        sentence.format(types=describe_types(field.accepts), name=name, url=url, input=layout.names[field.name]),
    )


def _apply_defaults(layout: OptionLayout, coerced: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given values and the command's own defaults, in the model's order."""
    inputs: dict[str, Any] = {}
    for field in sorted((*layout.fields, *layout.hidden), key=lambda field: field.order):
        if field.name in coerced:
            inputs[field.name] = coerced[field.name]
        elif field.name in layout.defaults:
            inputs[field.name] = _coerce_default(field, layout.defaults[field.name])
    return inputs


def _coerce_default(field: Field, value: Any) -> Any:
    try:
        return coerce_value(field, value, field.name)
    except BadOption as error:
        raise UserError(
            _(
                "This command's default for `{input}` isn't one that its model accepts. "
                "Ask the bot's owner to fix this command."
            ).format(input=field.name)
        ) from error


def _fetch_addresses(layout: OptionLayout, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs with each web address of a file replaced by the file to be downloaded from there."""
    fields = {field.name: field for field in (*layout.fields, *layout.hidden) if field.accepts_files}
    return {
        name: _fetch_address(fields[name], layout.names.get(name, name), value) if name in fields else value
        for name, value in inputs.items()
    }


def _fetch_address(field: Field, option: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_fetch_address(field, option, part) for part in value]
    return AttachedFile(option, WebFile(value), field.accepts) if isinstance(value, str) else value


def _replace_files(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[InputFile | AttachedFile, ...]]:
    """Return the input with each file replaced by its reference, and the files in that order."""
    files: list[InputFile | AttachedFile] = []
    replaced: dict[str, Any] = {}
    for name, value in inputs.items():
        parts: list[Any] = []
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, InputFile | AttachedFile):
                parts.append(format_reference(len(files)))
                files.append(part)
            else:
                parts.append(part)
        replaced[name] = parts if isinstance(value, list) else parts[0]
    return replaced, tuple(files)


def _count_outputs(layout: OptionLayout, inputs: Mapping[str, Any]) -> int | None:
    """Return the product of the counts, given or by default; None if the model has no counts."""
    counts = [inputs.get(field.name, field.default) for field in layout.fields if field.name in layout.count_fields]
    product = 1
    for count in counts:
        if not isinstance(count, int) or count < 1:
            return None
        product *= count
    return product if counts and product <= _MAX_EXPECTED else None


def _told_fields(layout: OptionLayout, inputs: Mapping[str, Any]) -> Sequence[Field]:
    """Return the fields of a summary: where one count alone is the number of outputs, what comes of it tells it."""
    counts = [inputs.get(field.name, field.default) for field in layout.fields if field.name in layout.count_fields]
    if sum(count != 1 for count in counts) > 1:
        return layout.fields
    return [field for field in layout.fields if field.name not in layout.count_fields]


def _find_images(layout: OptionLayout, run_input: Mapping[str, Any]) -> tuple[str, ...]:
    """Return all references, and the addresses that are likely images, in the order of the fields."""
    images: list[str] = []
    for field in layout.fields:
        value = run_input.get(field.name) if field.accepts_files else None
        parts = [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, str)]
        images += [part for part in parts if parse_reference(part) is not None or _is_likely_image(field, part)]
    return tuple(images)


def _is_likely_image(field: Field, url: str) -> bool:
    """Return whether an address is likely an image's, by its ending or by the types that its input accepts."""
    ending = urlsplit(url).path.lower().rpartition(".")[2]
    return ending in _IMAGE_ENDINGS or field.accepts == ("image/*",)
