"""The one place that touches wasmtime: configuration, compiled components, instances and their calls.

wasmtime's own `Func.__call__` asks for the function's type on every call, which costs more than the call; and its
`Config` has no setter for the target. Both use the bindings below it, hence the pinned major version in pyproject.toml.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from ctypes import addressof, string_at
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
# The functions beneath the bindings' own wrappers, which take addresses as numbers: the bindings make an object of each
# pointer, and let other threads run Python during each call, however short. An error is the address of one.
_AT, _SIZE, _COUNT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64
_CALL = (_AT, _AT, _AT, _AT, _SIZE, _AT, _SIZE)
_call = ctypes.CFUNCTYPE(*_CALL)(("wasmtime_component_func_call", ffi.dll))
_call_alone = ctypes.PYFUNCTYPE(*_CALL)(("wasmtime_component_func_call", ffi.dll))
_delete = ctypes.PYFUNCTYPE(None, _AT)(("wasmtime_component_val_delete", ffi.dll))
_set_fuel = ctypes.PYFUNCTYPE(_AT, _AT, _COUNT)(("wasmtime_context_set_fuel", ffi.dll))
_get_fuel = ctypes.PYFUNCTYPE(_AT, _AT, _AT)(("wasmtime_context_get_fuel", ffi.dll))

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


class _Taken(ctypes.Structure):
    """A `wasm_byte_vec_t` of bytes somewhere."""

    _fields_ = (("size", _SIZE), ("data", _AT))


class _Given(ctypes.Structure):
    """A `wasm_byte_vec_t` of bytes that Python holds."""

    _fields_ = (("size", _SIZE), ("data", ctypes.c_char_p))


class Instance:
    """One interpreter. One thread at a time may use it.

    The structures of a call are made once: after a call the host's own code runs from cold caches, and each object that
    ctypes makes for it shows in the time of the next.
    """

    __slots__ = (
        "_context",
        "_fuel",
        "_functions",
        "_held",
        "_left",
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
        self._context = ctypes.cast(self._store._context(), _AT).value
        found = {name: instance.get_func(self._store, name) for name in EXPORTS}
        for name, function in found.items():
            if function is None:
                raise RuntimeError(f"the component does not export {name}")
        self._functions = {name: addressof(function._func) for name, function in found.items() if function}
        # One string in, which wasmtime copies, and one out, which is wasmtime's until it is deleted.
        parameter, result = ffi.wasmtime_component_val_t(), ffi.wasmtime_component_val_t()
        parameter.kind = ffi.WASMTIME_COMPONENT_STRING
        self._parameter, self._result = addressof(parameter), addressof(result)
        self._text = _Given.from_buffer(parameter.of.string)
        self._reply = _Taken.from_buffer(result.of.string)
        self._left = _COUNT()
        self._fuel = addressof(self._left)
        self._held = (found, parameter, result)  # what the addresses are of

    def limit_memory(self, memory_mib: int) -> None:
        """Set the limit of linear memory, in MiB."""
        self._store.set_limits(memory_size=memory_mib << 20)

    def call(self, name: str, fuel: int, text: str | None = None, alone: bool = False) -> tuple[str, int]:
        """The export's result, and the fuel that it used; `Trap` if the instance ended. `text` is ASCII.

        Args:
            alone: no other thread runs Python meanwhile: for calls that are shorter than to wait for one's turn again.
        """
        given = self._text
        given.data = data = b"" if text is None else text.encode("ascii")
        given.size = len(data)
        context, result = self._context, self._result
        _set_fuel(context, fuel)
        call = _call_alone if alone else _call
        problem = call(self._functions[name], context, self._parameter, 0 if text is None else 1, result, 1)
        if problem:
            error = wasmtime.WasmtimeError._from_ptr(ctypes.cast(problem, ctypes.POINTER(ffi.wasmtime_error_t)))
            raise Trap(_fault_of(str(error)), fuel - self._store.get_fuel())
        try:
            reply = string_at(self._reply.data, self._reply.size)
        finally:
            _delete(result)
        _get_fuel(context, self._fuel)
        return reply.decode("utf-8"), fuel - self._left.value

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
