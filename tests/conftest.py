"""What all tests share."""

import os

from hypothesis import settings

# The state machines and property tests run often with few examples; `thorough` is for a look by hand.
settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
