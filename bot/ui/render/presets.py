"""Cards and sentences about presets. Text of people is escaped here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bot.command_mentions import mention_command
from bot.formatting import join_facts
from bot.language import _, ngettext
from bot.limits import PRESETS_PER_PERSON, PUBLISHED_PER_SERVER, SHARED_PER_SERVER
from bot.presets.draft import WORDS
from bot.store.characters import SaveResult, ShareResult
from bot.store.presets import EVERYBODY, Preset
from bot.ui.render.cards import Card, Entry, Tone, format_inputs, list_card
from bot.ui.render.markdown import escape, format_code_block, format_name, format_quote, one_line

_VALUE_CHARS: Final = 30
_FIXED_SHOWN: Final = 8


def form_note(values: Mapping[str, Any], must_ask: Sequence[str]) -> str:
    """Return the line above the form of a new preset: what it keeps and what it cannot keep."""
    kept = [f"{_code(key)} {_short(value)}" for key, value in list(values.items())[:_FIXED_SHOWN]]
    lines = [_("Keeps {inputs}").format(inputs=", ".join(kept))] if kept else []
    if must_ask:
        lines.append(
            _("Files and keys aren't kept, so these are asked for: {inputs}").format(
                inputs=", ".join(_code(key) for key in must_ask)
            )
        )
    return "\n".join(f"-# {line}" for line in lines)


def template_hint() -> str:
    """Return the description of the prompt in the form."""
    return _("{prompt} stands for the words of each use").format(prompt=WORDS)


def explain_save(result: SaveResult, name: str) -> str:
    """Return what became of a preset that was to be saved; TAKEN is a question."""
    places = {"name": f"**{escape(name)}**", "count": PRESETS_PER_PERSON}
    match result:
        case SaveResult.SAVED:
            return _("Saved {name}. Use it with /preset use.").format(**places)
        case SaveResult.REPLACED:
            return _("Replaced {name}.").format(**places)
        case SaveResult.TAKEN:
            return _("You already have a preset {name}. Replace it?").format(**places)
        case SaveResult.TOO_MANY:
            return _("You have {count} presets, which is the limit. Delete one first.").format(**places)


def explain_share(result: ShareResult, name: str, place: str, *, published: bool) -> str:
    """Return what became of a preset that was to be shared."""
    places = {"name": f"**{escape(name)}**", "place": place, "count": SHARED_PER_SERVER, "most": PUBLISHED_PER_SERVER}
    return _share_sentence(result, published=published).format(**places, command=name.lower())


def _share_sentence(result: ShareResult, *, published: bool) -> str:
    if published and result in (ShareResult.SHARED, ShareResult.ALREADY_SHARED):
        return _("{name} is a command of {place} now: /{command}")
    if published and result is ShareResult.TOO_MANY:
        return _("{place} has {most} presets as commands, which is the limit.")
    return {
        ShareResult.SHARED: _("{place} can use {name} now, with /preset use."),
        ShareResult.ALREADY_SHARED: _("{place} can use {name} already."),
        ShareResult.TAKEN: _("Somebody else shares a preset {name} there. Save yours under another name."),
        ShareResult.TOO_MANY: _("{place} has {count} shared presets, which is the limit."),
        ShareResult.GONE: _("{name} was deleted."),
    }[result]


def explain_unshared(name: str) -> str:
    return _("{name} isn't shared there any more.").format(name=f"**{escape(name)}**")


def explain_deleted(name: str) -> str:
    return _("Deleted {name}.").format(name=f"**{escape(name)}**")


def unknown_preset(name: str) -> str:
    return _("There is no preset “{name}” for you here. See them with /preset list.").format(
        name=escape(one_line(name, 40))
    )


def everybody() -> str:
    return _("Everybody")


def this_server() -> str:
    return _("this server")


def preset_list(presets: Iterable[Preset], *, person_id: int, guild_id: int | None) -> Card:
    """Return the presets that a person can use."""
    entries = [Entry(text=describe_preset(preset, person_id=person_id, guild_id=guild_id)) for preset in presets]
    empty = _("None yet. Press ⋯ under a result of yours, then **Save as preset**.")
    return list_card(
        _("Presets"),
        entries,
        intro="" if entries else empty,
        footer="" if not entries else "-# " + _("Use one with /preset use."),
    )


def describe_preset(preset: Preset, *, person_id: int, guild_id: int | None) -> str:
    """Return a preset as an entry of a list."""
    prompt = escape(one_line(preset.template or "", 120))
    scope = ""
    if preset.owner_id != person_id:
        scope = _("by {name}").format(name=format_name(preset.owner_name))
    elif EVERYBODY in preset.shares:
        scope = _("shared with everybody")
    elif guild_id in preset.shares:
        scope = _("shared with this server")
    published = _("a command here") if guild_id is not None and preset.shares.get(guild_id) else ""
    facts = join_facts(mention_command(preset.command), scope, published)
    return "\n".join(line for line in (f"**{escape(preset.name)}**", prompt, f"-# {facts}") if line)


def preset_card(preset: Preset, *, person_id: int, guild_id: int | None) -> Card:
    """Return one preset: its prompt, what it fixes and what it asks for."""
    lines = [describe_preset(preset, person_id=person_id, guild_id=guild_id).split("\n")[-1]]
    if preset.template:
        lines.append(format_quote(preset.template, lines=8, chars=800))
    if preset.fixed:
        lines.append(format_code_block(one_line_each(format_inputs(preset.fixed)), "yaml"))
    asked = [*(["prompt"] if preset.template and WORDS in preset.template else []), *preset.asked]
    if asked:
        lines.append(_("Asks for {inputs}").format(inputs=", ".join(_code(key) for key in asked)))
    return list_card(escape(preset.name), [Entry(text="\n".join(lines))])


def misfit_text(preset: Preset, misfits: Sequence[str]) -> str:
    """Return the card of a preset whose command has changed."""
    title = _("/{command} has changed since {name} was saved. This no longer fits:").format(
        command=escape(preset.command), name=f"**{escape(preset.name)}**"
    )
    return "\n".join([title, *(f"- {misfit}" for misfit in misfits[:10]), _more(len(misfits) - 10)]).strip()


def one_line_each(text: str) -> str:
    return "\n".join(one_line(line, 200) for line in text.split("\n"))[:1500]


def _more(count: int) -> str:
    if count <= 0:
        return ""
    return ngettext("… and {count} more", "… and {count} more", count).format(count=count)


def _code(key: str) -> str:
    return f"`{one_line(key, 60).replace('`', '')}`"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return escape(one_line(text, _VALUE_CHARS))


TONES: Final[Mapping[ShareResult, Tone]] = {
    ShareResult.SHARED: Tone.SUCCESS,
    ShareResult.ALREADY_SHARED: Tone.SUCCESS,
    ShareResult.TAKEN: Tone.ERROR,
    ShareResult.TOO_MANY: Tone.ERROR,
    ShareResult.GONE: Tone.ERROR,
}
