"""Which tests a worker runs together, and which are begun first.

A module is run by one worker, because its tests share what is expensive: a bot, a server, a database. Where each test
starts processes of its own, each may go to another worker. The browser's tests share one browser and one bot. What
takes longest and waits most is begun first, so that at the end no worker is left alone with it.
"""

from functools import cache
from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

# By folder or module, in the order in which they are begun.
_FIRST = (
    "tests/sandbox/page",
    "tests/packaging",
    "tests/benchmarks",
    "tests/store/test_machine.py",
    "tests/store/test_budget_machine.py",
    "tests/cluster",
    "tests/hostile",
    "tests/cogs",
    "tests/faults",
    "tests/runs",
    "tests/store",
)
# In these folders, a test shares nothing with the others of its module, or what all tests of a worker share.
_ALONE = ("tests/app", "tests/faults", "tests/hostile")
# The modules elsewhere whose tests do so.
_ALONE_TOO = frozenset({"tests/cluster/test_processes.py", *(f"tests/cogs/test_{name}.py" for name in (
    "command_sync", "library", "models", "outputs", "permissions", "privacy", "results", "run", "run_access",
    "run_buttons", "runs", "use_as_subject",
))})  # fmt: skip
# Modules in those folders whose tests share something all the same: a database server that they stop.
_TOGETHER = frozenset({"tests/faults/test_postgresql.py"})
_BROWSER = "tests/sandbox/page"


class Schedule(LoadScopeScheduling):  # type: ignore[misc]  # xdist's types are not for others
    """Gives each worker the next group of tests."""

    def _split_scope(self, nodeid: str) -> str:
        return find_group(nodeid)


def find_group(nodeid: str) -> str:
    """Return the group that a test is run with."""
    module = nodeid.partition("::")[0]
    if _is_within(module, _BROWSER):
        return _BROWSER
    if module in _TOGETHER:
        return module
    if module in _ALONE_TOO or any(_is_within(module, folder) for folder in _ALONE):
        return nodeid
    return module


def rank(nodeid: str) -> int:
    """Return the place of a test in the order in which tests are begun."""
    return _rank_module(nodeid.partition("::")[0])


@cache
def _rank_module(module: str) -> int:
    places = (place for place, folder in enumerate(_FIRST) if _is_within(module, folder))
    return next(places, len(_FIRST))


@cache
def _is_within(module: str, folder: str) -> bool:
    return PurePosixPath(module).is_relative_to(folder)
