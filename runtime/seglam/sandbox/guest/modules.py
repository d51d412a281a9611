"""What a procedure sees of the engine: its builtins and the modules that it may import.

Each call gets copies, so that what one call patches the next does not see: a dictionary of builtins, and for each
imported module a module object of its own with the public names. Modules not listed, and modules that listed ones
happen to hold (`json.codecs`), do not exist for a procedure.
"""

from __future__ import annotations

import builtins
import calendar
import csv
import datetime as _datetime
import decimal
import importlib
import opcode
import sys
import time
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from importlib.machinery import BuiltinImporter
from typing import Any, ClassVar, NoReturn

from seglam.sandbox.guest.values import PREDEFINED

# Preimported when the engine is built: an instance has no file system to import from.
IMPORTABLE = (
    "__future__", "abc", "array", "ast", "base64", "binascii", "bisect", "calendar", "cmath", "collections",
    "collections.abc", "colorsys", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum",
    "fractions", "functools", "graphlib", "hashlib", "heapq", "html", "io", "ipaddress", "itertools", "json", "keyword",
    "math", "numbers", "operator", "re", "statistics", "string", "struct", "textwrap", "types", "typing",
    "unicodedata", "urllib.parse", "zlib",
)  # fmt: skip

# Imported by the standard library itself in the middle of a call.
_LAZILY_IMPORTED = (
    "_ast_unparse", "_colorize", "_strptime", "annotationlib", "encodings.ascii", "encodings.cp1252", "encodings.idna",
    "encodings.latin_1", "encodings.utf_16", "encodings.utf_32", "encodings.utf_8_sig", "html.entities", "locale",
    "re._casefix", "string.templatelib", "traceback",
)  # fmt: skip

_ABSENT_BUILTINS = ("open", "input", "breakpoint", "exit", "quit", "help", "license", "copyright", "credits")
_NOTHING = types.ModuleType("nothing")
_NO_CLOCK = "a procedure has no clock; take the moment as a parameter"


def _no_clock(*_: object) -> NoReturn:
    raise RuntimeError(_NO_CLOCK)


class _DateTime(_datetime.datetime):
    """`datetime.datetime` without a clock: the built-in class asks the host for the time, which ends the instance."""

    min: ClassVar[_DateTime]
    max: ClassVar[_DateTime]
    now: ClassVar[Any] = classmethod(_no_clock)
    utcnow: ClassVar[Any] = classmethod(_no_clock)
    today: ClassVar[Any] = classmethod(_no_clock)

    def __repr__(self) -> str:
        return "datetime." + super().__repr__()


_DateTime.__name__ = _DateTime.__qualname__ = "datetime"
_DateTime.__module__ = "datetime"
_DateTime.min = _DateTime(1, 1, 1)
_DateTime.max = _DateTime(9999, 12, 31, 23, 59, 59, 999999)

DATETIME: type[_datetime.datetime] = _DateTime


def _missing(name: str) -> Callable[..., NoReturn]:
    def absent(*_: object, **__: object) -> NoReturn:
        raise NameError(f"{name}() does not exist in a procedure: it has no files, no input and no clock")

    absent.__name__ = name
    return absent


def _public(name: str) -> dict[str, Any]:
    module = importlib.import_module(name)
    return {
        key: value
        for key, value in vars(module).items()
        if not isinstance(value, types.ModuleType) and (not key.startswith("__") or key in ("__all__", "__doc__"))
    }


for _each in _LAZILY_IMPORTED:
    importlib.import_module(_each)
# date.today and its like read the clock through this name.
for _each in (*("time", "monotonic", "perf_counter"), *("time_ns", "monotonic_ns", "perf_counter_ns")):
    setattr(time, _each, _no_clock)
for _each in ("sleep", "localtime", "gmtime"):
    setattr(time, _each, _no_clock)

_PUBLIC = {name: _public(name) for name in IMPORTABLE}
_PUBLIC["urllib"] = {}
_PUBLIC["datetime"]["datetime"] = _DateTime
_BUILTINS = {
    key: value for key, value in vars(builtins).items() if not key.startswith("__") or key == "__build_class__"
}
COMPILE = compile
_BUILTINS |= {name: _missing(name) for name in _ABSENT_BUILTINS}
_SHARED_BUILTINS = _BUILTINS.copy()
_CONTEXT = decimal.Context(
    prec=28,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE
_ATTRIBUTE_WRITERS = frozenset(opcode.opmap[name] for name in ("STORE_ATTR", "DELETE_ATTR"))
_REACHING_NAMES = frozenset((
    "attrgetter", "compile", "dataclass", "delattr", "eval", "exec", "getattr", "globals", "locals", "methodcaller",
    "object", "setattr", "singledispatch", "super", "total_ordering", "type", "update_wrapper", "vars", "wraps",
))  # fmt: skip
# The module itself goes on with the original, so what is done to a copy has no effect beyond the call.
_MUTABLE = {
    name: [(key, value) for key, value in public.items() if isinstance(value, list | dict | set | decimal.Context)]
    for name, public in _PUBLIC.items()
}
_DIALECTS = {name: csv.get_dialect(name) for name in csv.list_dialects()}
_CHILDREN = {
    parent: [name for name in IMPORTABLE if name.startswith(parent + ".")]
    for parent in {name.partition(".")[0] for name in IMPORTABLE if "." in name}
}


MODULE = "procedure"


class _Module:
    """What `sys.modules` holds for a procedure. Its dictionary is the namespace of a call, which no other module's can
    be made."""


_PROCEDURE: Any = _Module()


class Importer:
    """`__import__` of one call, and the modules that it made.

    Attributes:
        namespace: the call's, where `dataclasses` and `typing` look for a class by way of `sys.modules`. Nothing does
            that before something is imported.
    """

    __slots__ = ("loaded", "namespace")

    def __init__(self) -> None:
        self.loaded: dict[str, types.ModuleType] = {}
        self.namespace: dict[str, Any] = {}

    def __call__(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        if isinstance(fromlist, list):
            # The interpreter itself imports so (`date.today` needs time) and then takes the module from sys.modules.
            return _NOTHING
        if level or name not in _PUBLIC:
            full = "." * level + name
            raise ImportError(f"module {full!r} is not in the engine, which has {', '.join(IMPORTABLE)}", name=full)
        if fromlist:
            return self._load(name)
        self._load(name)
        return self._load(name.partition(".")[0])

    def _load(self, name: str) -> types.ModuleType:
        found = self.loaded.get(name)
        if found is None:
            _PROCEDURE.__dict__ = self.namespace
            sys.modules[MODULE] = _PROCEDURE
            found = self.loaded[name] = types.ModuleType(name)
            vars(found).update(_PUBLIC[name])
            for key, value in _MUTABLE.get(name, ()):
                setattr(found, key, value.copy())
            for child in _CHILDREN.get(name, ()):
                setattr(found, child.rpartition(".")[2], self._load(child))
        return found

    def restore(self) -> None:
        """Undo what public functions of imported modules set for the whole instance."""
        if "decimal" in self.loaded:
            fresh_decimal_context()
        if "calendar" in self.loaded:
            calendar.setfirstweekday(calendar.MONDAY)
        if "csv" in self.loaded:
            for name in csv.list_dialects():
                csv.unregister_dialect(name)
            for name, dialect in _DIALECTS.items():
                csv.register_dialect(name, dialect)  # type: ignore[arg-type]  # an instance will do

    def patched(self) -> bool:
        """Whether the call changed a class that the engine's modules share with later calls."""
        return any(vars(kind) != before for name in ("", *self.loaded) for kind, before in _CLASSES.get(name, ()))


def fresh_decimal_context() -> None:
    """Python's own defaults."""
    decimal.setcontext(_CONTEXT.copy())


def reaches(code: types.CodeType) -> bool:
    """Whether code could change a class or the builtins: it sets or deletes attributes, or names something that can.

    Cheap and on the safe side: bytes that merely look like these instructions count too.
    """
    return (
        not _ATTRIBUTE_WRITERS.isdisjoint(code.co_code[::2])
        or any(name in _REACHING_NAMES or name.startswith("__") for name in code.co_names)
        or any(reaches(part) for part in code.co_consts if isinstance(part, types.CodeType))
    )


def builtins_for(importer: Importer, reaching: bool) -> dict[str, Any]:
    """The builtins of one call; of its own if its code could change them."""
    own = _BUILTINS.copy() if reaching else _SHARED_BUILTINS
    own["__import__"] = importer
    return own


def _mutable_classes(name: str) -> list[tuple[type, dict[str, object]]]:
    found = {value for value in _PUBLIC[name].values() if isinstance(value, type) and not _immutable(value)}
    return [(kind, dict(vars(kind))) for kind in sorted(found, key=lambda kind: kind.__qualname__)]


def _immutable(kind: type) -> bool:
    return bool(kind.__flags__ & _IMMUTABLE_TYPE)


def _compile(source: Any, filename: object, mode: str, *arguments: Any, **options: Any) -> Any:
    """`compile` under a file name that cannot be opened: for a syntax error the interpreter would look into the
    file."""
    return COMPILE(source, unreadable("string"), mode, *arguments, **options)


def unreadable(name: str) -> str:
    """A file name that has no bytes, so that the interpreter cannot ask the host, which ends the instance, for the
    file."""
    return f"<{name}\ud800>"


def prepare_interpreter(recursion_limit: int) -> None:
    """Once, when the engine is built."""
    builtins.compile = _compile
    warnings.simplefilter("ignore")  # showing one would read the source file
    sys.set_int_max_str_digits(0)
    sys.setrecursionlimit(recursion_limit)


def close_imports() -> None:
    """Once, when an instance starts. After it a module that is not there is an ImportError: looking for its file
    would ask the host, which ends the instance. (While the engine is built, componentize-py still imports after this
    module.)"""
    if sys.path:
        sys.meta_path[:] = [BuiltinImporter]
        sys.path.clear()
        sys.path_hooks.clear()
        sys.path_importer_cache.clear()


# By module; under "" those that a procedure has without an import.
_CLASSES = {name: classes for name in IMPORTABLE if (classes := _mutable_classes(name))}
_CLASSES[""] = [(kind, dict(vars(kind))) for kind in (*PREDEFINED.values(), Fraction)]
