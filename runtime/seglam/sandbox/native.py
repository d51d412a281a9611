"""The one place that touches wasmtime: configuration, compiled components, instances and their calls.

wasmtime's own `Func.__call__` asks for the function's type on every call, which costs more than the call; and its
`Config` has no setter for the target. Both use the bindings below it, hence the pinned major version in pyproject.toml.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from ctypes import byref
from importlib.metadata import version
from pathlib import Path

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime import component

from seglam.sandbox.results import Fault, FaultKind

# Below wasmtime's asynchronous stack of 2 MiB: a limit above it aborts the process. With the default of 512 KiB
# ordinary recursion ends the instance; with this, nearly all of it becomes a RecursionError that the procedure can
# name.
STACK_BYTES = 1_792 << 10
# The functions beneath the bindings' own wrappers.
_call = ffi.dll.wasmtime_component_func_call
_delete = ffi.dll.wasmtime_component_val_delete
_set_fuel = ffi.dll.wasmtime_context_set_fuel
_get_fuel = ffi.dll.wasmtime_context_get_fuel

EXPORTS = ("describe", "prepare", "call", "inspect")


class Trap(Exception):
    """The instance ended in the middle of a call and must not be used again."""

    def __init__(self, fault: Fault, fuel_used: int) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.fuel_used = fuel_used


def wasmtime_version() -> str:
    """The version of the library that is installed; artifacts of another are refused."""
    return version("wasmtime")


def target() -> str:
    """The triple that artifacts are compiled for: this machine's kind, with no more than its baseline instructions."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    system = {"linux": "unknown-linux-gnu", "darwin": "apple-darwin"}.get(sys.platform)
    if system is None or machine not in ("x86_64", "aarch64"):
        raise RuntimeError(f"the sandbox runs on Linux and macOS, x86_64 and aarch64, not on {sys.platform} {machine}")
    return f"{machine}-{system}"


def configuration() -> dict[str, object]:
    """What, beside version and target, an artifact depends on."""
    return {"fuel": True, "nan_canonicalization": True, "stack_bytes": STACK_BYTES}


def make_engine() -> wasmtime.Engine:
    """A wasmtime engine with the configuration above."""
    config = wasmtime.Config()
    config.strategy = "cranelift"
    config.consume_fuel = True
    config.cranelift_nan_canonicalization = True
    config.max_wasm_stack = STACK_BYTES
    problem = ffi.wasmtime_config_target_set(config.ptr(), target().encode())
    if problem:
        raise wasmtime.WasmtimeError._from_ptr(problem)
    return wasmtime.Engine(config)


def compile_component(wasm: bytes) -> bytes:
    """A component's machine code in the form that `load_component` reads. Takes seconds."""
    return bytes(component.Component(make_engine(), wasm).serialize())


class Loaded:
    """A component ready to be instantiated. The caller has checked the artifact's digest: wasmtime runs what it
    finds."""

    def __init__(self, artifact: Path) -> None:
        self.engine = make_engine()
        self.component = component.Component.deserialize_file(self.engine, str(artifact))
        self.linker = component.Linker(self.engine)  # defines nothing: the component must not import anything

    def instantiate(self, memory_mib: int) -> Instance:
        """A new instance whose linear memory may grow to `memory_mib`."""
        return Instance(self, memory_mib)


class _Characters(ctypes.Structure):
    """A `wasm_byte_vec_t`, of which slices are bytes."""

    _fields_ = (("size", ctypes.c_size_t), ("data", ctypes.POINTER(ctypes.c_char)))


class _Given(ctypes.Structure):
    """A `wasm_byte_vec_t` of bytes that Python holds."""

    _fields_ = (("size", ctypes.c_size_t), ("data", ctypes.c_char_p))


class Instance:
    """One interpreter. One thread at a time may use it.

    The structures of a call are made once: after a call the host's own code runs from cold caches, and each object that
    ctypes makes for it shows in the time of the next.
    """

    __slots__ = (
        "_context",
        "_fuel",
        "_functions",
        "_parameter",
        "_reply",
        "_result",
        "_store",
        "_text",
    )

    def __init__(self, loaded: Loaded, memory_mib: int) -> None:
        self._store = wasmtime.Store(loaded.engine)
        self._store.set_limits(memory_size=memory_mib << 20)
        self._store.set_fuel(1 << 40)
        instance = loaded.linker.instantiate(self._store, loaded.component)
        self._context = self._store._context()
        self._functions = {}
        for name in EXPORTS:
            function = instance.get_func(self._store, name)
            if function is None:
                raise RuntimeError(f"the component does not export {name}")
            self._functions[name] = byref(function._func)
        # One string in, which wasmtime copies, and one out, which is wasmtime's until it is deleted.
        parameter, result = ffi.wasmtime_component_val_t(), ffi.wasmtime_component_val_t()
        parameter.kind = ffi.WASMTIME_COMPONENT_STRING
        self._parameter, self._result = byref(parameter), byref(result)
        self._text = _Given.from_buffer(parameter.of.string)
        self._reply = _Characters.from_buffer(result.of.string)
        self._fuel = ctypes.c_uint64()

    def limit_memory(self, memory_mib: int) -> None:
        """Set the limit of linear memory, in MiB."""
        self._store.set_limits(memory_size=memory_mib << 20)

    def call(self, name: str, fuel: int, text: str | None = None) -> tuple[str, int]:
        """The export's result, and the fuel that it used; `Trap` if the instance ended. `text` is ASCII."""
        given = self._text
        given.data = data = b"" if text is None else text.encode("ascii")
        given.size = len(data)
        _set_fuel(self._context, fuel)
        problem = _call(
            self._functions[name], self._context, self._parameter, 0 if text is None else 1, self._result, 1
        )
        if problem:
            raise Trap(_fault_of(str(wasmtime.WasmtimeError._from_ptr(problem))), fuel - self._store.get_fuel())
        try:
            reply = self._reply.data[: self._reply.size]
        finally:
            _delete(self._result)
        _get_fuel(self._context, byref(self._fuel))
        return reply.decode("utf-8"), fuel - self._fuel.value

    def close(self) -> None:
        """Give its memory back now."""
        self._store.close()


_REASONS = (
    ("all fuel consumed", FaultKind.FUEL, "the procedure used up its steps"),
    ("call stack exhausted", FaultKind.STACK, "the procedure recursed too deeply below Python's own limit"),
    ("alloc_error", FaultKind.MEMORY, "the procedure needs more memory than its limit"),
    ("out of memory", FaultKind.MEMORY, "the procedure needs more memory than its limit"),
    ("clock", FaultKind.TRAP, "the procedure reached for the clock, which does not exist"),
    ("filesystem", FaultKind.TRAP, "the procedure reached for a file, which does not exist"),
    ("random", FaultKind.TRAP, "the procedure reached for random numbers, which do not exist"),
    ("stdio", FaultKind.TRAP, "the procedure reached for a standard stream, which does not exist"),
)


def _fault_of(message: str) -> Fault:
    """The fault for wasmtime's own text, which ends with the cause and names the functions on the stack before it."""
    for words, kind, explanation in _REASONS:
        if words in message:
            return Fault(kind, explanation)
    return Fault(FaultKind.TRAP, f"the instance ended: {message.rpartition('Caused by:')[2].strip()[:500]}")
