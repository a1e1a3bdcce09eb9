"""A stand-in for Replicate: as exact as the facts that are known about the service, on this machine alone."""

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
from sandbox.replicate.request_log import Call
from sandbox.replicate.standin import ReplicateStandIn

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
