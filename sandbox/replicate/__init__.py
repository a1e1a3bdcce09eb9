"""A stand-in for Replicate on this machine, as exact as what is known about the service allows."""

from sandbox.replicate.events import (
    CallLogged,
    EventSubscription,
    FaultsChanged,
    PredictionChanged,
    StandInEvent,
    StreamEventSent,
    WebhookSent,
)
from sandbox.replicate.faults import FAULT_TYPES, Fault, FaultKind, Faults, FaultType
from sandbox.replicate.formats import IdGenerator
from sandbox.replicate.job import Timings
from sandbox.replicate.middleware import Throttle
from sandbox.replicate.standin import ReplicateStandIn
from sandbox.request_log import Call

__all__ = [
    "FAULT_TYPES",
    "Call",
    "CallLogged",
    "EventSubscription",
    "Fault",
    "FaultKind",
    "FaultType",
    "Faults",
    "FaultsChanged",
    "IdGenerator",
    "PredictionChanged",
    "ReplicateStandIn",
    "StandInEvent",
    "StreamEventSent",
    "Throttle",
    "Timings",
    "WebhookSent",
]
