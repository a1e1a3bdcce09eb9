"""A stand-in for Replicate: as exact as the facts that are known about the service, on this machine alone."""

from sandbox.replicate.calls import Call
from sandbox.replicate.faults import SWITCHES, Fault, FaultKind, Faults, Switch
from sandbox.replicate.happenings import (
    CallSeen,
    FaultsChanged,
    Happening,
    PredictionMoved,
    StreamEventSent,
    Watch,
    WebhookSent,
)
from sandbox.replicate.ids import Ids
from sandbox.replicate.pace import Pace
from sandbox.replicate.standin import ReplicateStandIn
from sandbox.replicate.throttle import Throttle

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
