"""Running a procedure: code compiled once, then each call in a fresh namespace.

What a procedure raises, prints or answers wrongly becomes a fault with words; only a trap (fuel, stack, memory of the
interpreter itself) ends an instance without any.
"""

from __future__ import annotations

import json
import sys
import types
from typing import Any, NoReturn

from seglam.sandbox.guest import codec, modules
from seglam.sandbox.guest.values import PREDEFINED

FILE = modules.unreadable("procedure")
MESSAGE_LIMIT = 2_000  # characters of an exception's message
CUT = "\n[output cut]"

Reply = dict[str, Any]


class Refusal(BaseException):
    """Raised by `refuse`. Not an Exception, so that a procedure's own handlers do not stop it."""


def refuse(reason: object = "the request does not fix its answer") -> NoReturn:
    """Predefined in every procedure: decline to answer."""
    raise Refusal(reason)


def fault(kind: str, message: str, line: int | None = None) -> Reply:
    """A reply that holds no answer."""
    if len(message) > MESSAGE_LIMIT:
        message = message[:MESSAGE_LIMIT] + " ..."
    return {"fault": {"kind": kind, "message": message, "line": line}}


class Output:
    """Standard output of one call, bounded."""

    __slots__ = ("cut", "parts", "room")

    def __init__(self, limit: int) -> None:
        self.parts: list[str] = []
        self.room = limit
        self.cut = False

    def write(self, text: str) -> int:
        if len(text) > self.room:
            self.cut = True
            self.parts.append(text[: self.room])
            self.room = 0
        elif text:
            self.parts.append(text)
            self.room -= len(text)
        return len(text)

    def flush(self) -> None:
        """There is nothing behind it."""

    def text(self) -> str:
        return "".join(self.parts) + (CUT if self.cut else "")


def compile_procedure(code: str) -> types.CodeType | Reply:
    """The code object, or a fault of kind syntax."""
    try:
        return modules.COMPILE(code, FILE, "exec", dont_inherit=True)
    except SyntaxError as problem:
        return fault("syntax", problem.msg, problem.lineno)
    except (ValueError, OverflowError, MemoryError, RecursionError) as problem:
        return fault("syntax", f"the code cannot be compiled: {problem}")


_NAMES: dict[str, Any] = {**vars(types.ModuleType(modules.MODULE)), **PREDEFINED, "refuse": refuse}


class Procedure:
    """One revision's code, compiled.

    Each call has a namespace of its own. What a call did not touch serves the next one too: an output to which nothing
    was printed, an importer that imported nothing, and the builtins and streams of code that cannot reach them.
    """

    __slots__ = ("answer_bytes", "code", "importer", "names", "output", "reaching", "stdout_bytes")

    def __init__(self, code: types.CodeType, answer_bytes: int, stdout_bytes: int) -> None:
        self.code = code
        self.reaching = modules.reaches(code)
        self.answer_bytes = answer_bytes
        self.stdout_bytes = stdout_bytes
        self._renew()

    def _renew(self) -> None:
        """Make again what a call may have changed."""
        self.output = sys.stdout = sys.stderr = Output(self.stdout_bytes)
        self.importer = modules.Importer()
        self.names = {**_NAMES, "__builtins__": modules.builtins_for(self.importer, self.reaching)}

    def run(self, text: str) -> str:
        """The reply to one call as JSON: `answer` or `fault`, `stdout` if anything was printed, `spoiled` if the call
        changed what later calls would see."""
        output, importer, namespace = self.output, self.importer, self.names.copy()
        importer.namespace = namespace
        try:
            answer = self._answer(text, namespace, importer)
        except BaseException as raised:  # noqa: BLE001 - whatever a procedure raises is its result
            answer = json.dumps(describe(raised))
        namespace.clear()  # functions and their globals are cycles; do not leave them to the collector
        if not (importer.loaded or output.parts or self.reaching):
            return answer
        importer.restore()
        rest = ""
        if output.parts:
            rest += ',"stdout":' + json.dumps(output.text())
        if self.reaching and importer.patched():
            rest += ',"spoiled":true'
        self._renew()
        return answer[:-1] + rest + "}" if rest else answer

    def _answer(self, text: str, namespace: dict[str, Any], importer: modules.Importer) -> str:
        arguments = codec.decode(text)
        exec(self.code, namespace)  # noqa: S102 - inside the engine, which exists for it
        solve = namespace.get("solve")
        if not callable(solve):
            return json.dumps(fault("syntax", "the code defines no function solve"))
        try:
            answer = solve(**arguments)
        except TypeError as problem:
            if procedure_line(problem) is None:  # raised by the call itself, before any line of the procedure
                return json.dumps(fault("arguments", str(problem)))
            raise
        if importer.loaded:
            importer.restore()  # a decimal context may write numbers in another way
        text = codec.encode(answer)
        if len(text) > self.answer_bytes:
            return json.dumps(
                fault("output", f"the answer takes {len(text):,} bytes; the limit is {self.answer_bytes:,}")
            )
        return f'{{"answer":{text}}}'


def procedure_line(raised: BaseException) -> int | None:
    """The line of the procedure's code where the exception passed last, or None if it never was in it."""
    line, trace = None, raised.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def describe(raised: BaseException) -> Reply:
    """The fault for what was raised during a call."""
    line = procedure_line(raised)
    match raised:
        case codec.BadArgument():
            return fault("arguments", str(raised))
        case codec.BadAnswer():
            return fault("answer", str(raised))
        case Refusal():
            return fault("refused", _message(raised), line)
        case MemoryError():
            return fault("memory", "the procedure needs more memory than its limit", line)
        case RecursionError():
            return fault("stack", f"RecursionError: {_message(raised)}", line)
        case ImportError():
            return fault("import", _message(raised), line)
        case _:
            name, message = type(raised).__name__, _message(raised)
            return fault("raised", f"{name}: {message}" if message else name, line)


def _message(raised: BaseException) -> str:
    try:
        return str(raised)
    except BaseException as second:  # noqa: BLE001 - a procedure's exception class may raise from its own __str__
        return f"(its message raised {type(second).__name__})"
