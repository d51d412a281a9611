"""The headers of a request, as a server hands them over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from seglam.gateway.access import Caller

Raw = Iterable[tuple[bytes, bytes]]


class Headers:
    """A read-only view of raw ASGI headers. Names are asked for in lower case, as ASGI gives them.

    Attributes:
        raw: the headers as they came.
    """

    __slots__ = ("_first", "raw")

    def __init__(self, raw: Raw = ()) -> None:
        self.raw: Sequence[tuple[bytes, bytes]] = raw if isinstance(raw, list | tuple) else list(raw)
        self._first = dict(reversed(self.raw))

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Headers:
        """From names and values."""
        return cls([(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()])

    def get(self, name: str) -> str | None:
        """The first value of a header; None without one."""
        value = self._first.get(name.encode("latin-1"))
        return None if value is None else value.decode("latin-1")

    @property
    def host(self) -> str:
        """The name to which the request was sent, in lower case and without its port."""
        named = (self.get("host") or "").lower()
        return named if named.endswith("]") else named.rpartition(":")[0] or named

    def without(self, names: frozenset[bytes]) -> bool:
        """Whether none of these headers is there."""
        return names.isdisjoint(self._first)

    def getlist(self, name: str) -> list[str]:
        """All values of a header."""
        wanted = name.encode("latin-1")
        if wanted not in self._first:
            return []
        return [value.decode("latin-1") for known, value in self.raw if known == wanted]


Identify = Callable[[Headers], Awaitable[Caller]]
"""Tells who sent a request; raises `seglam.web.Problem` for whom it does not know."""
