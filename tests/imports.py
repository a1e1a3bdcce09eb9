"""Import all tests, each worker in an order of its own.

In a fresh checkout nothing is compiled yet. Workers that import three hundred modules in the same order, at the same
time, compile each of them four times; a worker that begins elsewhere finds what the others have compiled meanwhile.
"""

import importlib
from contextlib import suppress
from pathlib import Path

import pytest

_TESTS = Path(__file__).parent


def import_tests(config: pytest.Config) -> None:
    """Import every module of tests, where a worker is about to collect them all."""
    worker = getattr(config, "workerinput", None)
    if worker is None or [Path(argument) for argument in config.args] not in ([_TESTS], [Path(_TESTS.name)]):
        return
    names = sorted(
        ".".join(path.relative_to(_TESTS.parent).with_suffix("").parts) for path in _TESTS.rglob("test_*.py")
    )
    begin = len(names) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for name in names[begin:] + names[:begin]:
        # pytest imports what fails again, and reports it; a module may skip itself.
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)
