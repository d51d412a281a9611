"""The engine's exports. componentize-py runs this module once, at build time, and keeps the memory that it leaves."""

from __future__ import annotations

import gc
import json
import platform
import sys
from typing import Any

from seglam.sandbox.guest import calls, codec, inspection, modules

# Python code needs little of the stack for each call; what recurses in C is stopped by the host's stack limit.
RECURSION_LIMIT = 1_000
_WARM_UP = """
import json, re, decimal, datetime, fractions
def solve(n):
    print(n)
    return [n, decimal.Decimal(n) / 3]
"""


class WitWorld:
    """The world `engine` of engine.wit; one object per instance."""

    procedure: calls.Procedure | None = None

    def describe(self) -> str:
        return json.dumps({"python": platform.python_version(), "modules": modules.IMPORTABLE})

    def prepare(self, request: str) -> str:
        settings = _begin(request)
        code = calls.compile_procedure(settings["code"])
        if isinstance(code, dict):
            return json.dumps(code)
        WitWorld.procedure = calls.Procedure(code, settings["answer_bytes"], settings["stdout_bytes"])
        return "{}"

    def call(self, arguments: str) -> str:
        assert WitWorld.procedure is not None, "prepare comes first"
        return WitWorld.procedure.run(arguments)

    def inspect(self, request: str) -> str:
        WitWorld.procedure = None  # whose streams are replaced
        settings = _begin(request)
        return json.dumps(inspection.inspect(settings["code"], settings["examples"], modules.IMPORTABLE))


def _begin(request: str) -> Any:
    modules.close_imports()
    modules.fresh_decimal_context()
    sys.stdout = sys.stderr = calls.Output(0)  # the real ones would ask the host
    return json.loads(request)


def _build() -> None:
    codec.use_datetime(modules.DATETIME)
    modules.prepare_interpreter(RECURSION_LIMIT)
    world = WitWorld()
    paths = list(sys.path), list(sys.path_hooks), list(sys.meta_path)
    world.prepare(json.dumps({"code": _WARM_UP, "answer_bytes": 100, "stdout_bytes": 10}))
    for number in range(20):
        world.call(json.dumps([["n", number]]))
    world.prepare(json.dumps({"code": "def solve(n): return n", "answer_bytes": 100, "stdout_bytes": 10}))
    for number in range(20):
        world.call(json.dumps({"n": number}))
    world.inspect(json.dumps({"code": _WARM_UP, "examples": []}))
    WitWorld.procedure = None
    sys.path[:], sys.path_hooks[:], sys.meta_path[:] = paths  # componentize-py still imports after this module
    gc.collect()
    gc.freeze()


_build()
