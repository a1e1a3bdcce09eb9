"""Find the seed that a model used, in its logs."""

import re
from typing import Final

# "Using seed: 123", "seed=123", "Seed set to 123", "random seed 123", '"seed": 123'. No name that only ends with seed,
# no part of a longer number, and no -1, which asks for a random one.
# Blanks are bounded: a model that writes megabytes of them must not hold up the bot.
_SEED: Final = re.compile(
    r"(?<![\w.-])seed[\"']?(?:[ \t]{1,4}(?:is|was|set[ \t]to|to|used))?"
    r"[ \t]{0,4}[:=]?[ \t]{0,4}(?P<seed>\d{1,19})(?![\w.])",
    re.ASCII | re.IGNORECASE,
)
_LARGEST: Final = 2**63 - 1  # of the column


def find_seed(logs: str) -> int | None:
    """Return the first seed that the logs name, also one that a person gave; None if they name none."""
    for match in _SEED.finditer(logs):
        if (seed := int(match["seed"])) <= _LARGEST:
            return seed
    return None
