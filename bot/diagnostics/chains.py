"""Check that the steps of each configured chain fit to each other."""

from bot.catalog.chains import Chain, ConfiguredChains
from bot.diagnostics.result import Report, failed, passed


def check_chains(chains: ConfiguredChains, report: Report) -> None:
    """Check the chains whose commands are known; a command that is not has a result of its own."""
    for spec, built in chains.build():
        if isinstance(built, Chain):
            arrow = " → ".join(f"/{step.command.name}" for step in built.steps)
            report(passed(f"/{spec.name}: a chain of {arrow}."))
        else:
            report(failed(f"/{spec.name} in COMMANDS_FILE: {built.sentence}"))
