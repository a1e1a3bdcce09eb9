"""What people see of chains: the lines and pictures of a chain's card, and the sentences of /chain. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bot.command_mentions import mention_command
from bot.formatting import format_duration
from bot.language import _, ngettext
from bot.limits import COMMAND_NAME_CHARS
from bot.runs.outcome import FailureCode, FailureReason
from bot.runs.snapshot import Phase, RunSnapshot
from bot.store.models import Run, RunChain
from bot.ui.render import payloads
from bot.ui.render.markdown import escape, format_name, one_line
from bot.ui.render.payloads import Component
from bot.ui.render.rendered_message import Part, RenderedMessage, RenderOptions, upload_name
from bot.visibility import Visibility

_NAME_CHARS = 33  # of a command, with its slash


def goes_on(snapshot: RunSnapshot) -> bool:
    """Return whether a step is over and the next one of its chain is about to begin."""
    chain = snapshot.run.chain
    return chain is not None and not chain.is_last and snapshot.progress.phase is Phase.SUCCEEDED


def is_under_way(snapshot: RunSnapshot) -> bool:
    """Return whether a chain has made a picture, and goes on."""
    chain = snapshot.run.chain
    return chain is not None and (goes_on(snapshot) or (bool(chain.earlier) and not snapshot.final))


def format_chain_header(run: Run, chain: RunChain, *, author: bool = True) -> str:
    """Return the first line of a chain's card: who asked, and the name of the chain."""
    name = format_name(run.author_name) if author else _("Someone")
    return _("**{author}** · {chain}").format(author=name, chain=_plain(chain.name))


def format_steps(snapshot: RunSnapshot, chain: RunChain, status: str) -> tuple[str, ...]:
    """Return a line for each step: its number, its command, and how it is doing; ``status`` is the current one's."""
    run, current, moves_on = snapshot.run, chain.steps[chain.number - 1], goes_on(snapshot)
    seconds = [step.seconds for step in chain.earlier]
    if moves_on and run.ended_at is not None:
        seconds.append((run.ended_at - run.created_at).total_seconds())
    lines = [
        _("**{number}** · /{command} · **Done** · {duration}").format(
            number=number, command=_plain(step.command), duration=format_duration(took)
        )
        for number, (step, took) in enumerate(zip(chain.steps, seconds, strict=False), start=1)
    ]
    if len(lines) < chain.number:
        lines.append(
            _("**{number}** · /{command} · {status}").format(
                number=chain.number, command=_plain(current.command), status=status
            )
        )
    for number, step in enumerate(chain.steps[chain.number :], start=chain.number + 1):
        values = {"number": number, "command": _plain(step.command)}
        if moves_on and number == chain.number + 1:
            lines.append(_("**{number}** · /{command} · **Starting**").format(**values))
        elif snapshot.final and not moves_on:
            lines.append(_("**{number}** · /{command} · Not started").format(**values))
        else:
            lines.append(_("**{number}** · /{command} · Waiting").format(**values))
    return tuple(lines)


def earlier_pictures(run: Run) -> Mapping[str, int]:
    """Return the pictures that the earlier steps of a chain put on its card: upload name → number of the step."""
    earlier = run.chain.earlier if run.chain is not None else ()
    return {upload_name(step.picture): number for number, step in enumerate(earlier, start=1) if step.picture}


def earlier_attachments(run: Run) -> Mapping[str, int]:
    """Return the attachments of these pictures, as far as they are known: upload name → id."""
    earlier = run.chain.earlier if run.chain is not None else ()
    return {upload_name(step.picture): step.attachment_id for step in earlier if step.attachment_id is not None}


def add_earlier_pictures(output: RenderedMessage, run: Run, options: RenderOptions) -> RenderedMessage:
    """Return a card's output with the pictures of its chain's earlier steps, as far as the card still has them.

    The newest picture is the large one; those before it are small below it, so that nothing above it moves.
    """
    if run.chain is None:
        return output
    chain, spoiler = run.chain, run.visibility is Visibility.SPOILER
    numbers = {name: number for name, number in earlier_pictures(run).items() if name not in options.missing}
    pictures = tuple(numbers)
    newest = pictures[-1:] if not output.files else ()
    beside = pictures[: len(pictures) - len(newest)] if options.shows(Part.THUMBNAIL) else ()
    large = [
        payloads.gallery([(f"attachment://{name}", _alt_text_of_step(chain.number - 1, chain))], spoiler=spoiler)
        for name in newest
    ]
    small = [_small_picture(name, numbers[name], chain, spoiler=spoiler) for name in beside]
    return replace(output, components=[*large, *output.components, *small], kept=(*beside, *newest))


def _small_picture(name: str, number: int, chain: RunChain, *, spoiler: bool) -> Component:
    """Return the picture of an earlier step beside what made it."""
    command = _plain(chain.steps[number - 1].command)
    label = _("-# Step {number} · /{command}").format(number=number, command=command)
    picture = payloads.thumbnail(f"attachment://{name}", _alt_text_of_step(number, chain), spoiler=spoiler)
    return payloads.section([payloads.text(label)], picture)


def _alt_text_of_step(number: int, chain: RunChain) -> str:
    command = one_line(chain.steps[number - 1].command, _NAME_CHARS)
    return _("Step {number}: /{command}").format(number=number, command=command)


def explain_step_failure(reason: FailureReason) -> str | None:
    """Return why a step was not started; None for any other failure."""
    if reason.code is FailureCode.STEP_LIMIT:
        return _("You've reached your limit of runs, so this step wasn't started.")
    if reason.code is FailureCode.STEP_BUDGET:
        return _("This step would cost more than the budget has left, so it wasn't started.")
    if reason.code is not FailureCode.STEP_PICTURE:
        return None
    if reason.message:
        return _("This step can't take the picture: {reason}.").format(reason=reason.message.rstrip("."))
    return _("The step before made no picture that this one could take.")


# /chain and COMMANDS_FILE


def format_saved_chains(count: int) -> str:
    """Return how many chains are stored about a person."""
    return ngettext("**{count} saved chain**", "**{count} saved chains**", count).format(count=count)


def format_step_names(commands: Iterable[str]) -> str:
    """Return the steps in their order, as commands."""
    return " → ".join(f"/{_plain(command)}" for command in commands)


def explain_missing_files() -> str:
    """Return why a chain cannot be run again as it was."""
    return _("This chain's files were deleted. Start it again and attach them.")


def explain_no_line() -> str:
    """Return why a run cannot be saved as a chain."""
    return _("A chain needs at least two runs, each made from the picture of the one before. Use Next under a result.")


def explain_not_own_run() -> str:
    """Return why somebody's run cannot be saved by others."""
    return _("That isn't one of your runs. Pick one from the list.")


def explain_deleted_step() -> str:
    """Return why a line of runs cannot be saved."""
    return _("The data of one of the steps was deleted, so they can't be saved.")


def explain_too_many_steps(count: int) -> str:
    """Return why a line of runs cannot be saved; ``count`` is how many steps a chain may have."""
    return _("A chain has at most {count} steps.").format(count=count)


def explain_no_command(command: str) -> str:
    """Return why a step cannot be part of a chain: it is no command, or no longer one."""
    return _("/{command} isn't a command with a model here, so it can't be a step.").format(command=_plain(command))


def explain_private_step(command: str) -> str:
    """Return why a step cannot be saved."""
    return _("/{command} used further files, keys or private links, which a chain can't keep.").format(
        command=_plain(command)
    )


def explain_large_step(command: str) -> str:
    """Return why a step cannot be saved."""
    return _("/{command} was given more text than a chain can keep.").format(command=_plain(command))


def explain_name_taken(name: str) -> str:
    return _("There already is a chain called {name}. Choose another name, or delete it first.").format(
        name=_plain(name)
    )


def explain_name_of_command(name: str) -> str:
    return _("/{name} is a command here, so a chain can't be called that. Choose another name.").format(
        name=_plain(name)
    )


def explain_bad_name(name: str) -> str:
    return _("“{name}” can't be a name. Use 1–{count} lower-case letters, digits, - and _.").format(
        name=_plain(name), count=COMMAND_NAME_CHARS
    )


def explain_too_many_chains(count: int, *, for_everybody: bool) -> str:
    """Return why no further chain can be saved; ``count`` is how many there may be."""
    if for_everybody:
        return _("At most {count} chains can be offered to everybody. Delete one first.").format(count=count)
    return _("You can save at most {count} chains. Delete one first.").format(count=count)


def explain_unknown_chain(name: str) -> str:
    return _("There is no chain called {name}. See them with /chain list.").format(name=_plain(name))


def explain_not_your_chain(name: str) -> str:
    """Return why somebody may not delete a chain."""
    return _("{name} is offered to everybody. Only the bot's editors can delete it.").format(name=_plain(name))


def explain_editors_only() -> str:
    """Return why a chain is not offered to everybody."""
    return _("Only the bot's owner and its model editors can offer a chain to everybody.")


def format_saved(name: str, commands: Iterable[str], *, for_everybody: bool) -> str:
    """Return that a chain was saved."""
    values = {"name": _plain(name), "steps": format_step_names(commands)}
    if for_everybody:
        return _("Saved **{name}** for everybody: {steps}. Run it with /chain run.").format(**values)
    return _("Saved **{name}**: {steps}. Run it with /chain run.").format(**values)


def format_deleted(name: str) -> str:
    return _("Deleted {name}. Chains in progress will finish.").format(name=_plain(name))


def list_title() -> str:
    return _("Chains")


def explain_no_chains() -> str:
    """Return what the list says while it is empty."""
    return _("No chains yet. Make a picture, use Next under it, then save the steps with /chain save.")


def format_chain_entry(name: str, commands: Iterable[str], *, scope: str) -> str:
    """Return a chain in the list: its name, its steps, and whose it is."""
    return _("**{name}** · {scope}\n-# {steps}").format(
        name=_plain(name), steps=" → ".join(map(mention_command, commands)), scope=scope
    )


def scope_of_own() -> str:
    return _("yours")


def scope_of_everybody() -> str:
    return _("for everybody")


def scope_of_command() -> str:
    return _("a command")


def label_choice(name: str, commands: Iterable[str], *, for_everybody: bool) -> str:
    """Return a chain among the choices of an option, as plain text."""
    values = {"name": name, "steps": " → ".join(f"/{command}" for command in commands)}
    if for_everybody:
        return _("{name} · for everybody · {steps}").format(**values)
    return _("{name} · {steps}").format(**values)


def form_title(name: str) -> str:
    return _("Run {name}").format(name=name)


def save_title() -> str:
    return _("Save as chain")


def name_label() -> str:
    return _("Name")


def name_description() -> str:
    return _("Lower-case letters, digits, - and _")


def _plain(command: str) -> str:
    return escape(one_line(command, _NAME_CHARS))
