"""``python -m tests.hostile.fuzz [--minutes 5] [--seed N] [TARGET ...]``: search for hostile input for some minutes.

An input that is found is written to ``seeds/``, where the tests try it from then on. The exit code is 1 if something
was found, or if the process grows with every input.
"""

import argparse
import random
import sys

from bot.formatting import format_size
from tests.hostile.fuzz.search import GROWTH_MAX, keep, measure_growth, search
from tests.hostile.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz", description="Search for hostile input.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"by default all: {', '.join(TARGETS)}")
    parser.add_argument("--minutes", type=float, default=5.0, help="of search, over all targets (default: 5)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="repeats an earlier search")  # noqa: S311
    arguments = parser.parse_args()
    names = arguments.targets or list(TARGETS)
    if unknown := set(names) - TARGETS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    found = 0
    for name in names:
        result = search(TARGETS[name], seconds=arguments.minutes * 60 / len(names), seed=arguments.seed)
        findings = "nothing found" if result.failing is None else f"found {keep(name, result.failing)}"
        growth = measure_growth(TARGETS[name], seed=arguments.seed) if result.failing is None else 0
        grew = f"grew by {format_size(max(growth, 0))}"
        sys.stdout.write(f"{name}: {result.tried} inputs from seed {arguments.seed}, {findings}, {grew}\n")
        sys.stdout.flush()
        found += result.failing is not None or growth > GROWTH_MAX
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
