"""What a kind brings to the operator: its reconcile, what it watches, and how to find everything that it looks after.

A further kind is one file in `reconcile/` with a function `controller(context) -> Controller`, and one line in
`assembly.py`. Something without an object of its own, such as certificates, is a controller with one fixed key whose
results ask to be called again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from seglam.cluster.kinds import Kind
from seglam.operator.keys import Key, Result

Object = Mapping[str, Any]
"""An object of the API as JSON."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Objects whose changes make keys dirty.

    `keys` gets the whole object, also of a deletion, and must be quick: it is called for every event. `labels` is a
    selector that the API server applies; all watches of one kind must have the same one. `remember` is told every
    object before `keys` is asked, and whether it was deleted.
    """

    kind: Kind
    keys: Callable[[Object], Iterable[Key]]
    labels: str | None = None
    remember: Callable[[Object, bool], None] | None = None


@dataclass(frozen=True, slots=True)
class Controller:
    """One kind's part of the operator.

    `reconcile` is idempotent and level-based: it reads what there is, writes what is missing, and may raise, which is
    logged, counted and tried again later. `everything` gives the keys that the resync marks, at the start and every few
    minutes; None where another controller's resync covers it. Each kind has a queue of its own, with so many `workers`;
    None for the setting.
    """

    kind: str
    reconcile: Callable[[Key], Awaitable[Result]]
    watches: tuple[Watch, ...] = ()
    everything: Callable[[], Awaitable[Iterable[Key]]] | None = None
    workers: int | None = None
