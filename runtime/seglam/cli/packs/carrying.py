"""What an import reads: one pack of a registry, or the packs of a file with the index that travels with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seglam.cli.packs.indexes import look

if TYPE_CHECKING:
    from seglam.cli.packs.places import Found, Places
    from seglam.gateway.packs.deciding import Looked
    from seglam.packs.trust.files import Trust


@contextmanager
def opened(
    places: Places, trust: Trust, text: str, *, offline: bool, waive: str | None
) -> Iterator[Iterator[tuple[Found, Looked]]]:
    """The packs that a command line names, one after the other, each with what the index says of it."""

    def one() -> Iterator[tuple[Found, Looked]]:
        found = places.find(text, trust, offline=offline)
        with look(places, trust, "default", found, online=not offline, waive=waive) as index:
            yield found, index

    yield one()
