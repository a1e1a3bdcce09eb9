"""What a press under a message brings: a token by which that message can be edited for another fifteen minutes."""

from collections.abc import Callable
from datetime import datetime

FreshToken = Callable[[str, str, datetime], bool]
"""Hands a run's reply a new token by which it can be edited; False when that reply does not live here."""
