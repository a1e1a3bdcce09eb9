"""A stand-in for Replicate: as exact as the facts that are known about the service, on this machine alone."""

from bot.sandbox.replicate.calls import Call
from bot.sandbox.replicate.faults import SWITCHES, Fault, FaultKind, Faults, Switch
from bot.sandbox.replicate.happenings import (
    CallSeen,
    FaultsChanged,
    Happening,
    PredictionMoved,
    StreamEventSent,
    Watch,
    WebhookSent,
)
from bot.sandbox.replicate.ids import Ids
from bot.sandbox.replicate.pace import Pace
from bot.sandbox.replicate.standin import ReplicateStandIn
from bot.sandbox.replicate.throttle import Throttle

__all__ = [
    "SWITCHES",
    "Call",
    "CallSeen",
    "Fault",
    "FaultKind",
    "Faults",
    "FaultsChanged",
    "Happening",
    "Ids",
    "Pace",
    "PredictionMoved",
    "ReplicateStandIn",
    "StreamEventSent",
    "Switch",
    "Throttle",
    "Watch",
    "WebhookSent",
]
