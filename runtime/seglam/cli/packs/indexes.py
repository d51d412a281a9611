"""What the index says of a pack that was found: from the registry, from this machine, or from the pack's own file."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seglam.cli.packs.places import Found, Places
    from seglam.gateway.packs.deciding import Looked
    from seglam.packs.index.client import Waiver
    from seglam.packs.trust.files import Trust

WAIVED = timedelta(days=90)
"""How long a waiver lasts; then somebody has to say it again."""


@contextmanager
def look(
    places: Places, trust: Trust, tenant: str, found: Found, *, online: bool, waive: str | None = None
) -> Iterator[Looked]:
    """Ask the index about what was found; what is learned of the index is kept for the next time."""
    from seglam.gateway.packs.deciding import look as looked

    waiver = waiver_of(waive) if waive else None
    yield looked(places.library, trust, tenant, found.packed.pack, online=online, waiver=waiver)


def waiver_of(reason: str, at: datetime | None = None) -> Waiver:
    """Somebody's decision to believe expired metadata; at the time at which it was written, or an hour ago."""
    from seglam.packs.index.client import Waiver

    now = datetime.now(UTC)
    return Waiver(reason, getpass.getuser(), at or now, now + WAIVED)
