"""Inputs as a form of at most five parts, prefilled with a run's values, and its answers as values to parse.

A form has a part for each of the most important inputs (those with a remark, the prompt, required inputs, files, then
the model's own order). All other inputs are ``key=value`` lines in one ``advanced`` paragraph, so every input can be
set. What a form cannot show (uploaded files, texts longer than Discord's fields) is kept unless an answer replaces it.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as member
from enum import StrEnum
from typing import Any, Final

from bot.errors import BadOption
from bot.formatting import single_line, truncate
from bot.language import _, ngettext
from bot.limits import (
    CHOICES_PER_OPTION,
    LABEL_CHARS,
    LABEL_DESCRIPTION_CHARS,
    MODAL_COMPONENTS,
    MODAL_FILES,
    TEXT_INPUT_CHARS,
)
from bot.media.types import InputFile, parse_reference
from bot.options.fields import Field, FieldKind
from bot.options.files import RemoteFile
from bot.options.key_value_text import format_pairs, parse_pairs
from bot.options.layout import OptionLayout, find_quirks
from bot.options.options import Choice, make_choices
from bot.options.parse import check_not_blank, require_field
from bot.options.text import describe_field, format_details, humanize_key, join_description
from bot.options.visibility import VISIBILITY, is_visibility
from bot.secrets import is_secret_name

_SHORT_TEXT_CHARS: Final = 80  # a longer text is shown as a paragraph
_TEXT_KEY: Final = ":text"  # ends the key of the part for the address of a file; no name of an input has a colon
_REST_KEY: Final = ":rest"  # in the key of a part that continues the text of another
_TEXT_PARTS: Final = 3  # that a text has at most; nobody can type more
_NOT_ANSWERED: Final[tuple[Any, ...]] = (None, "", [], ())
_NAMED: Final = re.compile(r"\A`[^`]+`: ")  # the input at the beginning of a remark; the part has its name above
_MARK: Final = "⚠ "  # before the label of a part with a remark: Discord draws no colour in a form


class FormKind(StrEnum):
    """How one part of a form is asked for."""

    LINE = "line"
    PARAGRAPH = "paragraph"
    CHOICE = "choice"
    FILES = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One part of a form. Its answer is returned under ``key``.

    ``value`` prefills it; for a choice, it is the ``value`` of one of ``choices``. ``minimum`` and ``maximum`` are
    numbers of characters, or of files. ``adds``: files go to those that are kept, and do not replace them.
    ``continues`` is the key of the part whose text goes on here, after a ``joint``.
    """

    key: str
    kind: FormKind
    label: str
    description: str
    value: str = ""
    placeholder: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()
    minimum: int = 0
    maximum: int = TEXT_INPUT_CHARS
    adds: bool = False
    continues: str | None = None
    joint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionForm:
    """A form for a layout. ``kept`` are values, by the model's keys, that apply unless an answer replaces them."""

    layout: OptionLayout
    fields: tuple[FormField, ...]
    kept: Mapping[str, Any] = member(default_factory=dict)

    def parse_answers(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return values for ``take_visibility`` and ``parse_options``.

        ``answers`` are by the parts' keys: text, the value of a choice, or a list of files
        (``RemoteFile`` or ``InputFile``). An empty or missing answer counts as not given. Raises BadOption if
        ``advanced`` is malformed, or a part that has to be filled in has only blanks.
        """
        answers = self._join_texts(answers)
        for part in self.fields:
            answer = answers.get(part.key)
            if part.required and isinstance(answer, str) and answer:
                check_not_blank(part.key, answer)
        values = {
            self._require_field(part).name: self._add_kept(part, answer)
            for part in self.fields
            if (answer := self._answer(part, answers)) not in _NOT_ANSWERED
        }
        advanced = self.layout.advanced
        for pair in parse_pairs(str(answers.get(advanced) or ""), advanced):
            if is_visibility(self.layout, pair.key):
                values[VISIBILITY] = pair.value
                continue
            field = require_field(self.layout, pair.key, advanced)
            if field.name not in values:
                values[field.name] = pair.value
            elif field.accepts_files:
                values[field.name] = [*values[field.name], *_split_addresses(pair.value)]
            else:
                raise BadOption(
                    advanced,
                    _("`{advanced}` sets `{value}` again. Keep only one.").format(
                        advanced=advanced, value=self.layout.names[field.name]
                    ),
                )
        return {**self.kept, **values}

    def collect_answers(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answers as they were given, by names that ``collect_entered`` accepts. Never raises."""
        answers = self._join_texts(answers)
        values: dict[str, Any] = {}
        for part in self.fields:
            answer = self._answer(part, answers)
            field = self.layout.find_field(part.key.removesuffix(_TEXT_KEY))
            if answer not in _NOT_ANSWERED and field is not None:
                values[field.name] = self._add_kept(part, answer)
        return {**self.kept, **values, self.layout.advanced: answers.get(self.layout.advanced) or None}

    def fill(
        self,
        answers: Mapping[str, Any],
        *,
        known: Mapping[str, Any] | None = None,
        complete: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None,
    ) -> "FilledForm":
        """Return the form as somebody filled it in; see FilledForm."""
        return FilledForm(self, answers, known=known or {}, complete=complete)

    def _join_texts(self, answers: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answers with what continues a text at its end."""
        joined = dict(answers)
        for part in self.fields:
            if part.continues is not None and (rest := joined.pop(part.key, None)):
                begun = joined.get(part.continues)
                joined[part.continues] = f"{begun}{part.joint}{rest}" if begun else rest
        return joined

    def _answer(self, part: FormField, answers: Mapping[str, Any]) -> Any:
        """Return the answer that counts: an upload replaces the address of a file."""
        if part.key == self.layout.advanced or part.continues is not None:
            return None
        upload = answers.get(part.key.removesuffix(_TEXT_KEY)) if part.key.endswith(_TEXT_KEY) else None
        return answers.get(part.key) if upload in _NOT_ANSWERED else None

    def _add_kept(self, part: FormField, answer: Any) -> Any:
        kept = self.kept.get(self._require_field(part).name) if part.adds else None
        return answer if kept is None else [*(kept if isinstance(kept, list | tuple) else [kept]), *answer]

    def _require_field(self, part: FormField) -> Field:
        name = part.key.removesuffix(_TEXT_KEY)
        return require_field(self.layout, name, name)


@dataclass(frozen=True, slots=True)
class FilledForm:
    """A form and its answers.

    ``known`` are values that it did not ask for, by the model's keys. ``complete`` makes the values of a run of the
    answers, and may raise BadOption; without it, they are the answers and what is known.
    """

    form: OptionForm
    answers: Mapping[str, Any]
    known: Mapping[str, Any] = member(default_factory=dict)
    complete: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None

    def parse(self) -> dict[str, Any]:
        """Return values for ``take_visibility`` and ``parse_options``; raise BadOption."""
        values = self.form.parse_answers(self.answers)
        return {**values, **self.known} if self.complete is None else self.complete(values)

    def collect(self) -> dict[str, Any]:
        """Return what was entered, as it is, for ``collect_entered``."""
        values = self.form.collect_answers(self.answers)
        return {**values, **self.known} if self.complete is None else {**self.known, **values}


def _split_addresses(text: str) -> list[str]:
    """Return web addresses, or names of characters, that are checked later."""
    return [part for part in re.split(r"\s+|,(?=\s*(?:https?://|@))", text.strip()) if part]


def restore_values(
    layout: OptionLayout, run_input: Mapping[str, Any], files: Sequence[InputFile | RemoteFile | str | None] = ()
) -> dict[str, Any]:
    """Return a run's input as values for ``parse_options``, by the model's keys.

    References are replaced by the ``files`` they refer to (or their addresses); a file that is no longer stored, or
    None, is left out.
    """
    values: dict[str, Any] = {}
    for field in layout.fields:
        value = run_input.get(field.name)
        if value is not None and field.accepts_files:
            value = _restore_files(value, files)
        if value is not None:
            values[field.name] = value
    return values


def build_form(
    layout: OptionLayout,
    values: Mapping[str, Any] | None = None,
    *,
    exclude: Collection[str] = (),
    max_components: int = MODAL_COMPONENTS,
    remarks: Mapping[str, str] | None = None,
    text: str = "",
) -> OptionForm:
    """Return a form prefilled with these values, by the model's keys, as ``restore_values`` returns them.

    ``exclude`` are keys that are not asked for because their values are known. ``max_components`` is the number of
    parts that the form can have. ``remarks`` say what is wrong with inputs, by their keys, or with ``advanced``: those
    come first, and files that are added to one of them do not replace the others. ``text`` stands in ``advanced`` as it
    is, before the inputs that have no part. What was typed and is longer than a part goes on in the next.
    """
    known, remarks = dict(values or {}), dict(remarks or {})
    fields = [field for field in _sort_by_importance(layout, remarks) if field.name not in exclude]
    made = {field.name: _make_parts(layout, field, known.get(field.name), remarks.get(field.name)) for field in fields}
    texts = _split_text(text)[:_TEXT_PARTS]
    shown = _choose_shown(made, max_components, texts=len(texts) if text or layout.advanced in remarks else 0)
    parts = [part for name in shown for part in made[name]]
    others = [field for field in fields if field.name not in shown]
    lines, written = _format_values(layout, known, others, room=TEXT_INPUT_CHARS - len(text))
    if others or text or layout.advanced in remarks:
        advanced = _make_advanced_part(layout, others, "\n".join(filter(None, [texts[0][1], lines])))
        rest = _continue_part(advanced, layout.advanced, texts[1:])
        remark = remarks.get(layout.advanced)
        parts = [*parts, advanced, *rest] if remark is None else [_mark(advanced, remark), *rest, *parts]
    prefilled = {name for name in shown if any(part.kind is not FormKind.FILES for part in made[name])}
    return OptionForm(
        layout=layout,
        fields=tuple(parts),
        kept={key: kept for key, value in known.items() if (kept := _keep(value, key, prefilled, written)) is not None},
    )


def _choose_shown(made: Mapping[str, Sequence[FormField]], max_components: int, *, texts: int) -> list[str]:
    """Return the keys of the inputs that have parts of their own; all others share one more part, or ``texts``."""
    shown = [name for name, parts in made.items() if parts]
    texts = max(texts, len(shown) < len(made))
    if sum(len(made[name]) for name in shown) + texts <= max_components:
        return shown
    room = max_components - max(texts, 1)
    fitting: list[str] = []
    for name in shown:
        room -= len(made[name])
        if room < 0:
            break
        fitting.append(name)
    return fitting


def _keep(value: Any, key: str, prefilled: Collection[str], written: Collection[str]) -> Any:
    """Return what applies of a value unless an answer replaces it: all that the form does not show, such as files."""
    if key in written:
        return None
    if key not in prefilled:
        return value
    files = [part for part in value if not isinstance(part, str)] if isinstance(value, list | tuple) else []
    return files or None


def _sort_by_importance(layout: OptionLayout, first: Collection[str]) -> list[Field]:
    def rank(field: Field) -> int:
        if field.name in first:
            return -1
        if field.name == layout.prompt_field:
            return 0
        if field.name in layout.required:
            return 1
        if field.deprecated:
            return 4
        return 2 if field.accepts_files else 3

    return sorted(layout.fields, key=rank)


def _make_parts(layout: OptionLayout, field: Field, value: Any, remark: str | None) -> list[FormField]:
    """Return the form's parts for a field, none if its value cannot be shown in one."""
    if remark is None:
        part = _make_part(layout, field, value)
        return [] if part is None else [part]
    if field.accepts_files:
        return _make_marked_file_parts(layout, field, value, remark)
    if is_secret_name(field.name):
        value = None
    texts: Sequence[tuple[str, str]] = []
    if isinstance(value, str) and len(value) > TEXT_INPUT_CHARS:
        texts = _split_text(value)
        if len(texts) > _TEXT_PARTS:
            texts = texts[:1]
            remark = _("Only the first 4,000 characters fit here.") + f" {remark}"
        value = texts[0][1]
    part = _make_part(layout, field, value) or _make_part(layout, field, None)
    return [] if part is None else [_mark(part, remark), *_continue_part(part, part.label, texts[1:])]


def _split_text(text: str) -> list[tuple[str, str]]:
    """Return the pieces of a text that fit into parts, between words where there are any, each after its joint."""
    pieces: list[tuple[str, str]] = []
    joint = ""
    while len(text) > TEXT_INPUT_CHARS:
        end = max(text.rfind(space, 1, TEXT_INPUT_CHARS + 1) for space in "\n ")
        piece = text[: end if end > 0 else TEXT_INPUT_CHARS]
        pieces.append((joint, piece))
        joint = text[len(piece)] if end > 0 else ""
        text = text[len(piece) + len(joint) :]
    return [*pieces, (joint, text)]


def _continue_part(part: FormField, name: str, texts: Iterable[tuple[str, str]]) -> list[FormField]:
    """Return the parts in which the text of a part goes on."""
    more = _("{input} (continued)")
    room = LABEL_CHARS - len(more.format(input=""))
    return [
        FormField(
            key=f"{part.key}{_REST_KEY}{number}",
            kind=FormKind.PARAGRAPH,
            label=more.format(input=truncate(name, room)),
            description="",
            value=text,
            continues=part.key,
            joint=joint,
        )
        for number, (joint, text) in enumerate(texts, start=1)
    ]


def _make_marked_file_parts(layout: OptionLayout, field: Field, value: Any, remark: str) -> list[FormField]:
    """Return a part to attach a file; before it, one for what was typed in place of a file, if it was."""
    given = value if isinstance(value, list | tuple) else [] if value is None else [value]
    typed = " ".join(part for part in given if isinstance(part, str))
    kept = len(given) - sum(isinstance(part, str) for part in given)
    name, label = layout.names[field.name], truncate(humanize_key(field.name).capitalize(), LABEL_CHARS)
    adds = field.kind is FieldKind.FILES
    attach = replace(_make_file_part(field, name, label, "", has_value=kept > 0), adds=adds)
    if not typed:
        stays = ngettext("{count} other file stays.", "{count} other files stay.", kept).format(count=kept)
        return [_mark(attach, remark, more=f" {stays}" if adds and kept else "")]
    text = FormField(
        key=f"{name}{_TEXT_KEY}",
        kind=FormKind.LINE,
        label=truncate(_("{input}: address or @name").format(input=label), LABEL_CHARS),
        description="",
        value=typed[:TEXT_INPUT_CHARS],
    )
    return [_mark(text, remark), replace(attach, description=_("Or attach a file"))]


def _mark(part: FormField, remark: str, *, more: str = "") -> FormField:
    """Return a part that says what is wrong, and ``more``: Discord's forms show plain text only."""
    plain = single_line(_NAMED.sub("", remark).replace("`", "").replace("**", ""))
    return replace(
        part,
        label=truncate(f"{_MARK}{part.label}", LABEL_CHARS),
        description=truncate(plain, LABEL_DESCRIPTION_CHARS - len(more)) + more,
    )


def _make_part(layout: OptionLayout, field: Field, value: Any) -> FormField | None:
    """Return the form's part for a field, or None if the field's value cannot be shown in one."""
    key = layout.names[field.name]
    description = join_description(
        describe_field(field, find_quirks(layout.model).describe(field.name)),
        format_details(field, layout.defaults.get(field.name, field.default)),
        LABEL_DESCRIPTION_CHARS,
    )
    label = truncate(humanize_key(field.name).capitalize(), LABEL_CHARS)
    required = field.name in layout.required
    if field.accepts_files:
        return _make_file_part(field, key, label, description, has_value=value is not None)
    choices = _list_choices(field)
    if choices:
        return FormField(
            key=key,
            kind=FormKind.CHOICE,
            label=label,
            description=description,
            value=_find_selected(choices, value),
            choices=choices,
            required=required,
        )
    text = _format_input(field, value)
    if len(text) > TEXT_INPUT_CHARS or (value is not None and (not text or is_secret_name(field.name))):
        return None
    is_long = field.name == layout.prompt_field or "\n" in text or len(text) > _SHORT_TEXT_CHARS
    return FormField(
        key=key,
        kind=FormKind.PARAGRAPH if is_long or field.kind in (FieldKind.JSON, FieldKind.STRINGS) else FormKind.LINE,
        label=label,
        description=description,
        value=text,
        required=required,
        # A minimum length would not let a person leave an optional part empty.
        minimum=_min_chars(field) if required else 0,
        maximum=max(_max_chars(field), len(text)),
    )


def _make_file_part(field: Field, key: str, label: str, description: str, *, has_value: bool) -> FormField:
    maximum = min(field.max_items or MODAL_FILES, MODAL_FILES) if field.kind is FieldKind.FILES else 1
    return FormField(
        key=key,
        kind=FormKind.FILES,
        label=label,
        description=_("Leave empty to keep the current file") if has_value else description,
        # Never required: a kept file will do, or an address in the advanced paragraph of a form that has one.
        # ``parse_options`` asks for what is missing.
        required=False,
        maximum=max(maximum, 1),
    )


def _list_choices(field: Field) -> tuple[Choice, ...]:
    if field.kind is FieldKind.BOOLEAN:
        return (Choice(_("On"), "true", True), Choice(_("Off"), "false", False))  # noqa: FBT003 - the model's own values
    is_listable = field.choices and not field.is_list and not field.allows_custom
    return make_choices(field.choices) if is_listable and len(field.choices) <= CHOICES_PER_OPTION else ()


def _find_selected(choices: Sequence[Choice], value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return next(
        (
            str(choice.value)
            for choice in choices
            if text in (choice.label, str(choice.model_value)) or text == str(choice.value)
        ),
        "",
    )


def _min_chars(field: Field) -> int:
    return min(field.min_length or 0, TEXT_INPUT_CHARS) if field.kind is FieldKind.STRING else 0


def _max_chars(field: Field) -> int:
    longest = field.max_length if field.kind is FieldKind.STRING else None
    return min(longest or TEXT_INPUT_CHARS, TEXT_INPUT_CHARS)


def _make_advanced_part(layout: OptionLayout, fields: Sequence[Field], text: str) -> FormField:
    names = ", ".join(layout.names[field.name] for field in fields)
    description, example = "", "key=value"
    if fields:
        description = _("Any of: {names}").format(names=names)
        example = f"{layout.names[fields[0].name]}={'https://…' if fields[0].accepts_files else '…'}"
    return FormField(
        key=layout.advanced,
        kind=FormKind.PARAGRAPH,
        label=_("More inputs (one key=value per line)"),
        description=truncate(description, LABEL_DESCRIPTION_CHARS),
        value=text[:TEXT_INPUT_CHARS],
        placeholder=truncate(example, LABEL_DESCRIPTION_CHARS),
    )


def _format_values(
    layout: OptionLayout, values: Mapping[str, Any], fields: Iterable[Field], *, room: int
) -> tuple[str, set[str]]:
    """Return the values as ``key=value`` lines, and the keys of those that fit into so many characters."""
    lines: list[str] = []
    written: set[str] = set()
    length = 0
    for field in fields:
        value = values.get(field.name)
        if value is None or is_secret_name(field.name) or (field.accepts_files and not _are_addresses(value)):
            continue
        line = format_pairs([(layout.names[field.name], _format_input(field, value))])
        if length + len(line) + 1 <= room:
            lines.append(line)
            written.add(field.name)
            length += len(line) + 1
    return "\n".join(lines), written


def _are_addresses(value: Any) -> bool:
    return all(isinstance(part, str) for part in (value if isinstance(value, list | tuple) else [value]))


def _format_input(field: Field, value: Any) -> str:
    """Return a value as text that is parsed into the same value."""
    if value is None:
        return ""
    if field.kind is FieldKind.JSON or isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        items = [str(item) for item in value]
        if field.accepts_files:
            return " ".join(items)
        are_plain = all(item and item == item.strip() and not set(item) & set(',"\r\n[') for item in items)
        return ", ".join(items) if are_plain and items else json.dumps(list(value), ensure_ascii=False)
    return str(value)


def _restore_files(value: Any, files: Sequence[InputFile | RemoteFile | str | None]) -> Any:
    """Replace references by the files they refer to; None if none of the files is stored."""
    if isinstance(value, list):
        return [file for part in value if (file := _restore_files(part, files)) is not None] or None
    index = parse_reference(value)
    if index is None:
        return value
    return files[index] if index < len(files) else None
