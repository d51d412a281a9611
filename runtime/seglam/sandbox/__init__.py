"""Running procedures in WebAssembly: the engine, its instances, and what a call returns."""

from __future__ import annotations

from seglam.sandbox.connections import TLS, Address
from seglam.sandbox.engine import Engine
from seglam.sandbox.executor import EngineInfo, Executor
from seglam.sandbox.recipe import EngineError, EngineInvalid, EngineMissing
from seglam.sandbox.remote import RemoteSandbox, RunnersUnavailable, Timeouts
from seglam.sandbox.results import Fault, FaultKind, Finding, FunctionInfo, Inspection, Mode, Program, Run, Statistics
from seglam.sandbox.sandbox import Sandbox
from seglam.sandbox.tls import Identity, TLSError

__all__ = [
    "TLS",
    "Address",
    "Engine",
    "EngineError",
    "EngineInfo",
    "EngineInvalid",
    "EngineMissing",
    "Executor",
    "Fault",
    "FaultKind",
    "Finding",
    "FunctionInfo",
    "Identity",
    "Inspection",
    "Mode",
    "Program",
    "RemoteSandbox",
    "Run",
    "RunnersUnavailable",
    "Sandbox",
    "Statistics",
    "TLSError",
    "Timeouts",
]
